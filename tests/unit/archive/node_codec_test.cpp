#include "archive/node_codec.hpp"

#include "archive/archive.pb.h"
#include "base/limits.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

EncodedNode leaf(const std::vector<Entry>& entries) {
  LeafEncoder e;
  for (const Entry& x : entries) e.add(x);
  return e.finish();
}

// One of each kind, with everything that an entry may have.
std::vector<Entry> menagerie() {
  std::vector<Entry> all;
  all.push_back(folder("a"));
  all.back().xattrs = {{"system.posix_acl_access", {1, 2, 3}}, {"user.empty", {}}, {"user.\xff", {0}}};
  all.push_back(file("a/b", 3));
  all.back().changed_while_read = true;
  all.back().user = "\xff\xfe is no text";

  Entry inline_file = file("a/c");
  inline_file.chunks.clear();
  inline_file.size = 5;
  inline_file.inline_content = to_buffer(as_bytes("hello"));
  inline_file.mtime_ns = -1;
  inline_file.ctime_ns = INT64_MIN;
  inline_file.inode = ~std::uint64_t{0};
  all.push_back(inline_file);

  Entry empty = file("a/c0");
  empty.chunks.clear();
  empty.size = 0;
  empty.mtime_ns = INT64_MAX;
  all.push_back(empty);

  Entry far = empty;
  far.path = "a/c1";
  far.mtime_ns = kLastFarSecond * 1'000'000'000 + 123'456'789;
  far.mtime_far = 901'469'275'965;
  all.push_back(far);
  far.path = "a/c2";
  far.mtime_ns = kFirstFarSecond * 1'000'000'000;
  far.mtime_far = -1;
  all.push_back(far);

  Entry sparse = file("a/d", 9);
  sparse.sparse = true;
  sparse.size = std::uint64_t{1} << 50;
  sparse.data = {{0, 100}, {4096, 50}};
  sparse.chunks = {{some_id(1), 100}, {some_id(2), 50}};
  all.push_back(sparse);

  Entry hole = file("a/e", 9);
  hole.sparse = true;
  hole.size = 12345;
  hole.chunks.clear();
  all.push_back(hole);

  Entry listed = file("a/f", 12);
  listed.size = std::uint64_t{1} << 44;
  listed.list_depth = 2;
  listed.chunks = {{some_id(5), (std::uint64_t{1} << 44) - 7}, {some_id(6), 7}};
  all.push_back(listed);

  for (const char* name : {"a/g1", "a/g2"}) {
    Entry linked = file(name, 20);
    linked.hardlink_group = 99;
    all.push_back(linked);
  }
  Entry link = folder("b");
  link.kind = EntryKind::symlink;
  link.link_target = "../\xff";
  all.push_back(link);
  Entry device = folder("c");
  device.kind = EntryKind::block_device;
  device.device_major = 8;
  device.device_minor = 1;
  all.push_back(device);
  for (auto kind : {EntryKind::fifo, EntryKind::socket, EntryKind::char_device}) {
    Entry e = folder("d" + std::to_string(static_cast<int>(kind)));
    e.kind = kind;
    all.push_back(e);
  }
  return all;
}

Errc refusal(const archive::pb::Node& node, std::span<const ObjectId> refs) {
  auto decoded = decode_node(as_bytes(node.SerializeAsString()), refs);
  REQUIRE_FALSE(decoded);
  return static_cast<Errc>(decoded.error().value());
}

}  // namespace

TEST_CASE("leaf: every kind of entry comes back as it was") {
  const auto all = menagerie();
  for (const Entry& e : all) REQUIRE(check_entry(e));
  const EncodedNode node = leaf(all);
  auto decoded = decode_node(node.message, node.refs);
  REQUIRE(decoded);
  CHECK(decoded->level == kLeafLevel);
  CHECK(decoded->entries == all);
}

TEST_CASE("leaf: an encoder starts anew after finish") {
  LeafEncoder e;
  for (const Entry& x : menagerie()) e.add(x);
  CHECK(e.entries() == menagerie().size());
  e.finish();
  CHECK(e.entries() == 0);
  CHECK(e.weight() == 0);
  e.add(file("z"));
  const EncodedNode again = e.finish(), fresh = leaf({file("z")});
  CHECK(again.message == fresh.message);
  CHECK(again.refs == fresh.refs);
}

TEST_CASE("leaf: the empty catalog") {
  const EncodedNode node = leaf({});
  CHECK(node.message.empty());
  auto decoded = decode_node(node.message, node.refs);
  REQUIRE(decoded);
  CHECK(decoded->entries.empty());
}

TEST_CASE("leaf: every truncation is refused, or says something else, which its id shows") {
  const EncodedNode node = leaf(menagerie());
  for (std::size_t n = 1; n < node.message.size(); ++n) {
    auto decoded = decode_node(ByteView{node.message}.first(n), node.refs);
    if (decoded && decoded->entries == menagerie()) FAIL("cut to " << n);
  }
}

TEST_CASE("leaf: columns must fit each other") {
  const std::vector<Entry> entries{folder("a"), file("a/b", 1), file("a/c", 2)};
  EncodedNode encoded = leaf(entries);
  archive::pb::Node n;
  REQUIRE(n.ParseFromArray(encoded.message.data(), static_cast<int>(encoded.message.size())));
  auto refs = encoded.refs;
  REQUIRE(decode_node(as_bytes(n.SerializeAsString()), refs));

  SECTION("a mode too few") { n.mutable_modes()->RemoveLast(); }
  SECTION("a mode too many") { n.add_modes(0); }
  SECTION("a size for a folder") { n.add_size(0); }
  SECTION("an unknown kind") { (*n.mutable_kinds())[0] = 9; }
  SECTION("an owner that is not there") { n.set_owner(1, 7); }
  SECTION("more shared bytes than there are") { n.set_shared(1, 2); }
  SECTION("a suffix longer than the names") { n.set_suffix(2, 100); }
  SECTION("names left over") { n.mutable_names()->push_back('x'); }
  SECTION("a path twice") { n.mutable_names()->replace(n.names().size() - 1, 1, "b"); }
  SECTION("paths out of order") { n.mutable_names()->replace(n.names().size() - 1, 1, "a"); }
  SECTION("a path that leaves its folder") {
    n.set_shared(2, 2), n.set_suffix(2, 2);
    n.mutable_names()->replace(n.names().size() - 1, 1, "..");
  }
  SECTION("a reference too few") { refs.pop_back(); }
  SECTION("a reference too many") { refs.push_back(some_id(4)); }
  SECTION("a file that claims more references than there are") { n.set_chunks(1, 4'000'000'000); }
  SECTION("nanoseconds of more than a second") { n.set_mtime_ns(0, 1'000'000'000); }
  SECTION("a time beyond 2262") { n.set_mtime(0, 9'223'372'037); }
  SECTION("content left over") { n.set_inline_content("x"); }
  SECTION("inline content that is not there") { n.set_chunks(1, 0), n.set_size(1, 50), refs.pop_back(); }
  SECTION("a chunk size without a chunk") { n.add_chunk_size(1); }
  SECTION("an extra for nobody") { n.add_extra()->set_entry(3); }
  SECTION("two extras for one entry") {
    n.add_extra()->set_entry(1);
    n.add_extra()->set_entry(1);
  }
  SECTION("a range without a length") {
    n.add_extra()->set_entry(1);
    n.mutable_extra(0)->set_sparse(true);
    n.mutable_extra(0)->add_data_offset(0);
  }
  SECTION("children in a leaf") { n.add_last_path("a"); }
  CHECK(refusal(n, refs) == Errc::malformed);
}

TEST_CASE("leaf: ranges that add up beyond 2^64 are refused") {
  Entry e = file("a");
  EncodedNode encoded = leaf({e});
  archive::pb::Node n;
  REQUIRE(n.ParseFromArray(encoded.message.data(), static_cast<int>(encoded.message.size())));
  auto* x = n.add_extra();
  x->set_sparse(true);
  for (std::uint64_t length : {~std::uint64_t{0}, std::uint64_t{8}}) {
    x->add_data_offset(0);
    x->add_data_length(length);
  }
  CHECK(refusal(n, encoded.refs) == Errc::malformed);
}

TEST_CASE("inner node and list: come back as they were") {
  const std::vector<CatalogChild> children{{some_id(1), "a", 5, 7}, {some_id(2), "a/b", ~std::uint64_t{0}, 0}};
  const EncodedNode inner = encode_inner(3, children);
  auto decoded = decode_node(inner.message, inner.refs);
  REQUIRE(decoded);
  CHECK(decoded->level == 3);
  CHECK(decoded->children == children);

  const std::vector<ChunkRef> refs{{some_id(1), 5}, {some_id(1), limits::kMaxChunk}};
  const EncodedNode list = encode_list(kListLevel, refs);
  auto decoded_list = decode_node(list.message, list.refs);
  REQUIRE(decoded_list);
  CHECK(decoded_list->level == kListLevel);
  CHECK(decoded_list->list == refs);
}

TEST_CASE("inner node and list: what they may not say") {
  const std::vector<ObjectId> two{some_id(1), some_id(2)};
  archive::pb::Node n;
  auto inner = [&](std::uint32_t level, const char* a, const char* b) {
    n.Clear();
    n.set_level(level);
    for (const char* path : {a, b}) {
      n.add_last_path(path);
      n.add_entries_below(1);
      n.add_bytes_below(1);
    }
  };
  inner(1, "a", "b");
  CHECK(decode_node(as_bytes(n.SerializeAsString()), two));
  CHECK(refusal(n, std::span{two}.first(1)) == Errc::malformed);
  inner(1, "b", "a");
  CHECK(refusal(n, two) == Errc::malformed);
  inner(1, "a", "a/../b");
  CHECK(refusal(n, two) == Errc::malformed);
  inner(16, "a", "b");
  CHECK(refusal(n, two) == Errc::unsupported_version);
  inner(0x80 + kMaxListDepth, "a", "b");
  CHECK(refusal(n, two) == Errc::unsupported_version);
  n.Clear();
  n.set_level(1);
  CHECK(refusal(n, {}) == Errc::malformed);
  n.set_level(0x80);
  CHECK(refusal(n, {}) == Errc::malformed);
  n.add_list_size(1);
  n.add_list_size(0);
  CHECK(refusal(n, two) == Errc::malformed);
  n.set_list_size(1, limits::kMaxChunk + 1);
  CHECK(refusal(n, two) == Errc::too_large);
  n.set_level(0x81);
  CHECK(decode_node(as_bytes(n.SerializeAsString()), two));
}

TEST_CASE("node: more elements than any of ours is too large") {
  archive::pb::Node n;
  n.set_kinds(std::string(kMaxNodeElements + 1, '\1'));
  CHECK(refusal(n, {}) == Errc::too_large);
}
