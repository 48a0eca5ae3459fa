// An answer to a question for objects ends, and holds nothing else.
#include "agent/asked_records.hpp"

#include <catch2/catch.hpp>

#include "archive/record_codec.hpp"
#include "base/error.hpp"
#include "crypto/random.hpp"
#include "unit/errc_of.hpp"

using namespace farkeep;
using farkeep::test::errc_of;

namespace {

struct Maker {
  SystemRandom random;
  SecretKey root = key(), session = key();
  KeyRing ring{root};
  RecordSealer sealer{session, SessionId{}, ring, AccountId{}, AgentId{}, random, CompressionLevel::off};

  SecretKey key() {
    SecretKey k;
    random.fill(k.mutable_view());
    return k;
  }
  ObjectId id(const std::string& content) const { return ring.object_id(ObjectType::data, as_bytes(content)); }
  Buffer record(std::vector<std::string> contents) {
    std::vector<ChunkPlain> chunks;
    for (auto& c : contents) chunks.push_back({id(c), as_bytes(c)});
    return sealer.seal_chunks(chunks);
  }
};

}  // namespace

TEST_CASE("asked records: those that hold what was asked for are taken, also two that share an object") {
  Maker m;
  AskedRecords asked({m.id("a"), m.id("b")}, "east");
  Buffer both = m.record({"a", "b"});
  append(both, m.record({"b", "c"}));
  CHECK(errc_of([&] { asked.got(both); }) == Errc{});
  CHECK(errc_of([&] { asked.got({}); }) == Errc{});
}

TEST_CASE("asked records: one that nobody asked for, one again and again, and more than were asked for are refused") {
  Maker m;
  std::vector<ObjectId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(m.id(std::to_string(i)));
  AskedRecords asked(ids, "east");
  CHECK(errc_of([&] { asked.got(m.record({"c", "d"})); }) == Errc::protocol);
  const Buffer first = m.record({"7"});
  int taken = 0;
  while (taken < 100 && errc_of([&] { asked.got(first); }) == Errc{}) ++taken;
  CHECK(taken == 4);
  AskedRecords one({m.id("7")}, "east");
  one.got(first);
  CHECK(errc_of([&] { one.got(m.record({"7"})); }) == Errc::protocol);  // another copy of the same
  CHECK(errc_of([&] { AskedRecords({m.id("7")}, "east").got(ByteView{first}.first(first.size() - 1)); }) != Errc{});
}

TEST_CASE("asked records: one that has the header of another is taken beside it") {
  Maker m;
  AskedRecords asked({m.id("a"), m.id("b")}, "east");
  const Buffer good = m.record({"a", "b"});
  Buffer alike = good;
  alike.back() ^= 1;
  asked.got(alike);
  CHECK(errc_of([&] { asked.got(good); }) == Errc{});
}

TEST_CASE("asked records: only what was asked for can be missing, once") {
  Maker m;
  AskedRecords asked({m.id("a"), m.id("b")}, "east");
  asked.lacks({m.id("a"), m.id("b")});
  CHECK(errc_of([&] { asked.lacks({m.id("a")}); }) == Errc::protocol);
  CHECK(errc_of([&] { asked.lacks({m.id("c")}); }) == Errc::protocol);
}

TEST_CASE("asked records: pieces that hold nothing end an answer, and do not make it endless") {
  Maker m;
  AskedRecords asked({m.id("a")}, "east");
  CHECK(errc_of([&] { asked.nothing(); }) == Errc{});
  CHECK(errc_of([&] { asked.nothing(); }) == Errc::protocol);
}
