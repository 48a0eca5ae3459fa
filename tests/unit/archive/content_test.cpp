#include "archive/chunk_list_builder.hpp"
#include "archive/content_stream.hpp"
#include "base/limits.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

std::vector<ChunkRef> some_chunks(std::size_t n) {
  std::vector<ChunkRef> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back({some_id(i), 1000 + i % 7});
  return out;
}

Entry big_file(const std::vector<ChunkRef>& chunks, Nodes& nodes) {
  ChunkListBuilder b{keys(), nodes.sink()};
  Entry e = file("big");
  e.size = 0;
  for (const ChunkRef& c : chunks) {
    b.add(c);
    e.size += c.size;
  }
  b.finish(e);
  return e;
}

std::vector<ChunkRef> read_content(const Entry& e, const Nodes& nodes, std::size_t& fetched, std::uint64_t from = 0,
                                   std::uint64_t length = ~std::uint64_t{0}) {
  ContentStream stream{e, from, length};
  std::vector<ChunkRef> out;
  while (!stream.at_end()) {
    if (auto piece = stream.next()) {
      out.push_back({piece->id, piece->size});
    } else {
      feed(stream, nodes, fetched);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("content: up to 512 chunks stay in the entry, more become lists") {
  for (std::size_t n : {0u, 1u, 2u, 512u, 513u, 2000u, 5000u, 200'000u}) {
    INFO(n);
    Nodes nodes;
    const auto chunks = some_chunks(n);
    const Entry e = big_file(chunks, nodes);
    CHECK(e.list_depth == (n <= 512 ? 0 : n < 100'000 ? 1 : 2));
    CHECK(e.chunks.size() <= kMaxEntryRefs);
    CHECK((nodes.given > 0) == (n > 512));
    if (n > 0) CHECK(check_entry(e));
    std::size_t fetched = 0;
    CHECK(read_content(e, nodes, fetched) == chunks);
    CHECK(fetched == nodes.by_id.size());
  }
}

TEST_CASE("content: an inserted chunk changes one list on each level") {
  Nodes nodes;
  auto chunks = some_chunks(200'000);
  big_file(chunks, nodes);
  const std::size_t before = nodes.by_id.size();
  chunks.insert(chunks.begin() + 70'000, {some_id(1'000'000), 77});
  big_file(chunks, nodes);
  CHECK(nodes.by_id.size() - before >= 2);
  CHECK(nodes.by_id.size() - before <= 4);
}

TEST_CASE("content: a range opens only the lists that hold it") {
  Nodes nodes;
  const auto chunks = some_chunks(200'000);
  const Entry e = big_file(chunks, nodes);
  std::uint64_t from = 0;
  for (std::size_t i = 0; i < 100'000; ++i) from += chunks[i].size;
  std::size_t fetched = 0;
  CHECK(read_content(e, nodes, fetched, from, 1500) == std::vector<ChunkRef>{chunks[100'000], chunks[100'001]});
  CHECK(fetched == 2);
  ContentStream stream{e, from + 10, 1};
  while (true) {
    if (auto piece = stream.next()) {
      CHECK(piece->offset == from);
      break;
    }
    feed(stream, nodes, fetched);
  }
  CHECK(read_content(e, nodes, fetched, e.size).empty());
  CHECK(read_content(e, nodes, fetched, 0, 0).empty());
}

TEST_CASE("content: a file that repeats itself names a list once for all places") {
  Nodes nodes;
  const std::vector<ChunkRef> chunks(4096, {some_id(1), 5});
  const Entry e = big_file(chunks, nodes);
  CHECK(nodes.by_id.size() == 1);
  std::size_t fetched = 0;
  CHECK(read_content(e, nodes, fetched) == chunks);
  CHECK(fetched <= 4);
}

TEST_CASE("content: a list in the place of another is refused") {
  Nodes nodes;
  const Entry e = big_file(some_chunks(2000), nodes);
  ContentStream stream{e};
  const ObjectId first = stream.wanted(1).at(0);
  const auto& other = nodes.by_id.at(e.chunks.at(1).id);
  CHECK(stream.give(first, other.message, other.refs).error() == Errc::malformed);
  const EncodedNode higher = encode_list(kListLevel + 1, e.chunks);
  CHECK(stream.give(some_id(3), higher.message, higher.refs));  // not asked for
}

TEST_CASE("content: a list of another level is refused") {
  Entry e = file("f");
  const EncodedNode high = encode_list(kListLevel + 1, std::vector<ChunkRef>{{some_id(1), e.size}});
  e.list_depth = 1;
  ContentStream stream{e};
  const ObjectId id = stream.wanted(1).at(0);
  CHECK(stream.give(id, high.message, high.refs).error() == Errc::malformed);
}

TEST_CASE("content: a builder can be used again") {
  Nodes nodes;
  ChunkListBuilder b{keys(), nodes.sink()};
  for (const ChunkRef& c : some_chunks(600)) b.add(c);
  b.clear();
  b.add({some_id(1), 9});
  Entry e = file("f");
  b.finish(e);
  CHECK(e.chunks == std::vector<ChunkRef>{{some_id(1), 9}});
  b.finish(e);
  CHECK(e.chunks.empty());
}
