// An answer to a question for objects ends, and holds nothing else.
#include "agent/asked_records.hpp"

#include <catch2/catch.hpp>

#include "archive/record_codec.hpp"
#include "base/error.hpp"
#include "crypto/random.hpp"

using namespace farkeep;

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

Errc outcome(const std::function<void()>& work) {
  try {
    work();
    return Errc{};
  } catch (const failure& f) {
    return classify(f.code());
  }
}

}  // namespace

TEST_CASE("asked records: those that hold what was asked for are taken, also two that share an object") {
  Maker m;
  AskedRecords asked({m.id("a"), m.id("b")}, "east");
  Buffer both = m.record({"a", "b"});
  append(both, m.record({"b", "c"}));
  CHECK(outcome([&] { asked.got(both); }) == Errc{});
  CHECK(outcome([&] { asked.got({}); }) == Errc{});
}

TEST_CASE("asked records: one that nobody asked for, one again and again, and more than were asked for are refused") {
  Maker m;
  std::vector<ObjectId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(m.id(std::to_string(i)));
  AskedRecords asked(ids, "east");
  CHECK(outcome([&] { asked.got(m.record({"c", "d"})); }) == Errc::protocol);
  const Buffer first = m.record({"7"});
  int taken = 0;
  while (taken < 100 && outcome([&] { asked.got(first); }) == Errc{}) ++taken;
  CHECK(taken == 4);
  AskedRecords one({m.id("7")}, "east");
  one.got(first);
  CHECK(outcome([&] { one.got(m.record({"7"})); }) == Errc::protocol);  // another copy of the same
  CHECK(outcome([&] { AskedRecords({m.id("7")}, "east").got(ByteView{first}.first(first.size() - 1)); }) != Errc{});
}

TEST_CASE("asked records: one that has the header of another is taken beside it") {
  Maker m;
  AskedRecords asked({m.id("a"), m.id("b")}, "east");
  const Buffer good = m.record({"a", "b"});
  Buffer alike = good;
  alike.back() ^= 1;
  asked.got(alike);
  CHECK(outcome([&] { asked.got(good); }) == Errc{});
}

TEST_CASE("asked records: only what was asked for can be missing, once") {
  Maker m;
  AskedRecords asked({m.id("a"), m.id("b")}, "east");
  asked.lacks({m.id("a"), m.id("b")});
  CHECK(outcome([&] { asked.lacks({m.id("a")}); }) == Errc::protocol);
  CHECK(outcome([&] { asked.lacks({m.id("c")}); }) == Errc::protocol);
}

TEST_CASE("asked records: pieces that hold nothing end an answer, and do not make it endless") {
  Maker m;
  AskedRecords asked({m.id("a")}, "east");
  CHECK(outcome([&] { asked.nothing(); }) == Errc{});
  CHECK(outcome([&] { asked.nothing(); }) == Errc::protocol);
}
