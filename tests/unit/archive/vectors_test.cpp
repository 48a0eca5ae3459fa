#include "vectors.hpp"

#include "archive/archive.pb.h"
#include "archive/manifest.hpp"
#include "archive/node_codec.hpp"
#include "archive/node_id.hpp"
#include "archive/record_codec.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

std::vector<ObjectId> ids_of(const Buffer& raw) {
  std::vector<ObjectId> out;
  for (std::size_t at = 0; at < raw.size(); at += ObjectId::kSize)
    out.push_back(*ObjectId::from(ByteView{raw}.subspan(at, ObjectId::kSize)));
  return out;
}

// The record again, from what opening it gave, with a generator that counts as the vectors' maker did.
Buffer sealed_again(const OpenedRecord& opened) {
  CountingRandom random;
  const RecordSealer sealer{session_key(), kSession, keys(), kAccount, kAgent, random, CompressionLevel::off};
  std::vector<ChunkPlain> chunks;
  std::vector<NodePlain> nodes;
  for (const auto& o : opened.objects()) {
    chunks.push_back({o.id, o.bytes});
    nodes.push_back({o.id, o.bytes, o.refs});
  }
  return opened.type() == ObjectType::data ? sealer.seal_chunks(chunks) : sealer.seal_nodes(nodes);
}

EncodedNode encoded_again(const DecodedNode& node) {
  if (node.level >= kListLevel) return encode_list(node.level, node.list);
  if (node.level > kLeafLevel) return encode_inner(node.level, node.children);
  LeafEncoder leaf;
  for (const Entry& e : node.entries) leaf.add(e);
  return leaf.finish();
}

// Parsed, verified, details opened: the first refusal, or none.
result<void> read_manifest(const Vector& v) {
  auto m = Manifest::parse(v.raw("manifest"));
  if (!m) return m.error();
  const auto root = Certificate::from_der(v.raw("root")).value();
  if (auto ok = m->verify(root, from_unix_seconds(std::stoll(v.text("at")))); !ok) return ok;
  const bool bound = m->format() == StatementFormat::bound;
  CHECK(bound == (v.name.starts_with("bound_")));
  CHECK(m->is_bound_by(keys()) == (bound && v.outcome != "unbound"));
  CHECK(m->statement().series.is_zero() != bound);
  CHECK(m->snapshot_id().hex() == v.text("snapshot"));
  auto details = m->open_details(session_key());
  if (!details) return details.error();
  CHECK(details->job == "daily");
  CHECK(details->paths == std::vector<std::string>{"/etc", "/srv/\xff"});
  CHECK(details->changed_while_read == 2);
  CHECK(details->ended - details->started == std::chrono::nanoseconds{5});
  return {};
}

}  // namespace

TEST_CASE("vectors: every record is read, or refused, as its file says") {
  const auto all = vectors("record");
  REQUIRE(all.size() == 32);
  const RecordOpener opener{session_key(), keys(), kAccount, kAgent};
  for (const Vector& v : all) {
    INFO(v.name);
    const Buffer record = v.raw("record");
    auto opened = opener.open(record);
    if (v.outcome != "ok" && v.outcome != "read") {
      REQUIRE_FALSE(opened);
      CHECK(opened.error() == promised(v.outcome));
      continue;
    }
    REQUIRE(opened);
    for (std::size_t i = 0; i < opened->objects().size(); ++i) {
      CHECK(equal(opened->objects()[i].bytes, v.raw("object_" + std::to_string(i))));
    }
  }
}

TEST_CASE("vectors: a record is written as the second implementation writes it") {
  // The nonce's hedge holds the compressor's version, which is not part of the format.
  if (compressor_version() != 10504) return;
  const RecordOpener opener{session_key(), keys(), kAccount, kAgent};
  std::size_t compared = 0;
  for (const Vector& v : vectors("record")) {
    if (v.outcome != "ok") continue;
    INFO(v.name);
    CHECK(hex(sealed_again(opener.open(v.raw("record")).value())) == v.text("record"));
    ++compared;
  }
  CHECK(compared == 2);
}

TEST_CASE("vectors: every node is read and written, or refused, as its file says") {
  const auto all = vectors("node");
  REQUIRE(all.size() == 34);
  for (const Vector& v : all) {
    INFO(v.name);
    const Buffer message = v.raw("message");
    const auto refs = ids_of(v.raw("refs"));
    CHECK(node_id(keys(), message, refs).hex() == v.text("id"));
    auto node = decode_node(message, refs);
    if (v.outcome == "ok") {
      REQUIRE(node);
      const EncodedNode again = encoded_again(*node);
      CHECK(hex(again.message) == hex(message));
      CHECK(again.refs == refs);
    } else {
      REQUIRE_FALSE(node);
      CHECK(node.error() == promised(v.outcome));
    }
  }
}

TEST_CASE("vectors: the leaf holds what its maker put there") {
  for (const Vector& v : vectors("node")) {
    if (v.name != "leaf.ok") continue;
    const auto entries = decode_node(v.raw("message"), ids_of(v.raw("refs"))).value().entries;
    REQUIRE(entries.size() == 5);
    CHECK(entries[0].path == "etc");
    CHECK(entries[0].kind == EntryKind::folder);
    CHECK(entries[1].path == "etc/fstab");
    CHECK(entries[1].mtime_ns == 1'700'000'005'123'456'789);
    CHECK(entries[1].chunks == std::vector<ChunkRef>{{ObjectId::from(Buffer(32, 0xA1)).value(), 1000}});
    CHECK(entries[1].xattrs == std::vector<Xattr>{{"user.note", {0xff}}});
    CHECK(entries[1].hardlink_group == 5);
    CHECK(entries[2].path == "etc/motd");
    CHECK(entries[2].mtime_ns == -1);
    CHECK(entries[2].user == "ann");
    CHECK(entries[2].gid == 100);
    CHECK(as_text(entries[2].inline_content) == "hello");
    CHECK(entries[3].link_target == "/proc/mounts");
    CHECK(entries[4].path == "etc/vast");
    CHECK(entries[4].list_depth == 2);
    CHECK(entries[4].chunks.at(1).size == 9);
    CHECK(entries[4].inode == 70);
    CHECK(entries[4].changed_while_read);
    return;
  }
  FAIL("no vector leaf.ok");
}

TEST_CASE("vectors: every manifest is read, or refused, as its file says") {
  const auto all = vectors("manifest");
  REQUIRE(all.size() == 35);
  for (const Vector& v : all) {
    INFO(v.name);
    auto read = read_manifest(v);
    if (v.outcome == "ok" || v.outcome == "unbound") {
      CHECK(read);
    } else {
      REQUIRE_FALSE(read);
      CHECK(read.error() == promised(v.outcome));
    }
  }
}

TEST_CASE("vectors: a manifest is written as the second implementation writes it") {
  for (const Vector& v : vectors("manifest")) {
    if (v.name != "bound_second.ok") continue;
    const Buffer bytes = v.raw("manifest");
    const Manifest m = Manifest::parse(bytes).value();
    archive::pb::SignedManifest stored;
    REQUIRE(stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    const std::vector<Certificate> chain{Certificate::from_der(as_bytes(stored.signer_chain(0))).value()};
    const SigningKey key = SigningKey::from_seed(SecretKey::from(Buffer(32, 0xC2)).value());
    CountingRandom random;
    const SnapshotDetails details = m.open_details(session_key()).value();
    CHECK(hex(seal_manifest(m.statement(), details, session_key(), keys(), random, key, chain)) == v.text("manifest"));
    return;
  }
  FAIL("no vector bound_second.ok");
}
