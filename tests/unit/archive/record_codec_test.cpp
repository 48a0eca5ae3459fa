#include "archive/record_codec.hpp"

#include <thread>

#include "archive/node_id.hpp"
#include "base/limits.hpp"
#include "support.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

struct Bench {
  CountingRandom random;
  RecordSealer sealer;
  RecordOpener opener{session_key(), keys(), kAccount, kAgent};

  explicit Bench(CompressionLevel level = CompressionLevel::automatic)
      : sealer(session_key(), kSession, keys(), kAccount, kAgent, random, level) {}

  static ChunkPlain chunk(ByteView bytes) { return {keys().object_id(ObjectType::data, bytes), bytes}; }
  Buffer seal(const std::vector<Buffer>& contents) {
    std::vector<ChunkPlain> chunks;
    for (const Buffer& c : contents) chunks.push_back(chunk(c));
    return sealer.seal_chunks(chunks);
  }
};

Buffer text(std::size_t size) {
  Buffer out;
  for (int i = 0; out.size() < size; ++i)
    append(out, as_bytes("line " + std::to_string(i) + " of a text that shrinks\n"));
  out.resize(size);
  return out;
}

Buffer noise(std::size_t size, unsigned seed = 1) {
  std::mt19937 rng{seed};
  Buffer out(size);
  for (auto& b : out) b = static_cast<std::uint8_t>(rng());
  return out;
}

}  // namespace

TEST_CASE("record codec: chunks come back as they were") {
  for (auto level :
       {CompressionLevel::automatic, CompressionLevel::fast, CompressionLevel::best, CompressionLevel::off}) {
    Bench b{level};
    const std::vector<Buffer> contents{text(1), text(5000), noise(3000), Buffer(40000, 0), text(limits::kMaxChunk)};
    const Buffer record = b.seal(contents);
    auto opened = b.opener.open(record);
    REQUIRE(opened);
    CHECK(opened->type() == ObjectType::data);
    REQUIRE(opened->objects().size() == contents.size());
    for (std::size_t i = 0; i < contents.size(); ++i) {
      CHECK(equal(opened->objects()[i].bytes, contents[i]));
      CHECK(opened->find(opened->objects()[i].id) == &opened->objects()[i]);
    }
    CHECK(opened->find(some_id(1)) == nullptr);
    CHECK(padme(record.size() - RecordView::parse(record)->header().size() - 16) ==
          RecordView::parse(record)->sealed().size() - 16);
  }
}

TEST_CASE("record codec: nodes come back with their references") {
  Bench b;
  const std::vector<ObjectId> none, two{some_id(1), some_id(2)};
  std::vector<NodePlain> nodes{{node_id(keys(), {}, none), {}, none},
                               {node_id(keys(), as_bytes("m"), two), as_bytes("m"), two}};
  auto opened = b.opener.open(b.sealer.seal_nodes(nodes));
  REQUIRE(opened);
  REQUIRE(opened->objects().size() == 2);
  CHECK(opened->objects()[0].bytes.empty());
  CHECK(opened->objects()[1].refs.size() == 2);
  CHECK(opened->objects()[1].refs[1] == some_id(2));
}

TEST_CASE("record codec: text is packed, noise and what is switched off is not") {
  auto size = [](CompressionLevel level, const Buffer& content) { return Bench{level}.seal({content}).size(); };
  CHECK(size(CompressionLevel::automatic, text(100'000)) < 30'000);
  CHECK(size(CompressionLevel::best, text(100'000)) <= size(CompressionLevel::fast, text(100'000)));
  CHECK(size(CompressionLevel::off, text(100'000)) > 100'000);
  CHECK(size(CompressionLevel::automatic, noise(100'000)) < 103'000);
  // Text behind noise, in the same record, is found by a later sample.
  Bench b;
  CHECK(b.seal({noise(100'000), text(400'000)}).size() < 250'000);
}

TEST_CASE("record codec: every changed bit is refused") {
  Bench b;
  const Buffer record = b.seal({text(50), noise(20)});
  for (std::size_t i = 0; i < record.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Buffer changed = record;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ (1 << bit));
      if (b.opener.open(changed)) FAIL("byte " << i << " bit " << bit);
    }
  }
  CHECK(b.opener.open(record));
}

TEST_CASE("record codec: every truncation and anything behind is refused") {
  Bench b;
  Buffer record = b.seal({text(50)});
  for (std::size_t n = 0; n < record.size(); ++n) {
    if (b.opener.open(ByteView{record}.first(n))) FAIL(n);
  }
  record.push_back(0);
  CHECK(b.opener.open(record).error() == Errc::malformed);
}

TEST_CASE("record codec: another key, account or agent does not open it") {
  Bench b;
  const Buffer record = b.seal({text(50)});
  CHECK(RecordOpener(counting_key(9), keys(), kAccount, kAgent).open(record).error() == Errc::damaged);
  CHECK(RecordOpener(session_key(), keys(), AccountId{}, kAgent).open(record).error() == Errc::damaged);
  CHECK(RecordOpener(session_key(), keys(), kAccount, AgentId{}).open(record).error() == Errc::damaged);
}

TEST_CASE("record codec: a chunk that is not what its id promises is refused") {
  Bench b;
  const Buffer good = text(100), bad = text(101);
  const std::vector<ChunkPlain> chunks{Bench::chunk(good), {Bench::chunk(good).id, bad}};
  CHECK(b.opener.open(b.sealer.seal_chunks(chunks)).error() == Errc::id_mismatch);
  // A chunk's bytes under a node's type are another id, too.
  const std::vector<NodePlain> nodes{{Bench::chunk(good).id, good, {}}};
  CHECK(b.opener.open(b.sealer.seal_nodes(nodes)).error() == Errc::id_mismatch);
}

TEST_CASE("record codec: exchanged references are refused") {
  Bench b;
  const std::vector<ObjectId> refs{some_id(1), some_id(2)}, exchanged{some_id(2), some_id(1)}, fewer{some_id(1)};
  const ObjectId id = node_id(keys(), as_bytes("m"), refs);
  for (const auto& other : {exchanged, fewer}) {
    const std::vector<NodePlain> nodes{{id, as_bytes("m"), other}};
    CHECK(b.opener.open(b.sealer.seal_nodes(nodes)).error() == Errc::id_mismatch);
  }
}

TEST_CASE("record codec: a stuck random generator makes no nonce serve two contents") {
  class Stuck final : public Random {
    void fill(MutableByteView out) override { std::fill(out.begin(), out.end(), std::uint8_t{7}); }
  } stuck;
  std::map<std::array<std::uint8_t, 24>, Buffer> seen;
  for (auto level : {CompressionLevel::automatic, CompressionLevel::off}) {
    RecordSealer sealer{session_key(), kSession, keys(), kAccount, kAgent, stuck, level};
    for (std::size_t i = 1; i <= 2000; ++i) {
      const Buffer content = text(i);
      const std::vector<ChunkPlain> one{Bench::chunk(content)};
      Buffer record = sealer.seal_chunks(one);
      const auto nonce = RecordView::parse(record)->nonce().bytes;
      CHECK(seen.emplace(nonce, std::move(record)).second);
    }
  }
}

TEST_CASE("record codec: one sealer serves several threads") {
  SystemRandom random;
  const RecordSealer sealer{session_key(), kSession, keys(), kAccount, kAgent, random};
  const RecordOpener opener{session_key(), keys(), kAccount, kAgent};
  std::array<int, 4> good{};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < good.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 1; i <= 20; ++i) {
        const Buffer content = text(1000 * i + t);
        const std::vector<ChunkPlain> one{Bench::chunk(content)};
        auto opened = opener.open(sealer.seal_chunks(one));
        good[t] += opened && equal(opened->objects()[0].bytes, content);
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(good == std::array<int, 4>{20, 20, 20, 20});
}
