// What a machine believes of its own history: nothing that a server says without proof, and nothing less than what it knows.
#include "agent/heads.hpp"
#include "agent/own_snapshots.hpp"
#include "agent/protection.hpp"
#include "agent/recovery.hpp"

#include "archive/archive.pb.h"
#include "archive/envelope_record.hpp"
#include "archive/manifest.hpp"
#include "archive/manifest_details.hpp"
#include "base/codec.hpp"
#include "crypto/envelope.hpp"
#include "old_statement.hpp"
#include "signing_server.hpp"
#include "sim/bad_sectors.hpp"
#include "sim/sim_timers.hpp"
#include "wire/wire.pb.h"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;

namespace {

struct History : Machine {
  SnapshotTrust trust() const { return SnapshotTrust{*keys, keys->chain.front(), ids_of(pair()), Heads(*state).bound_from()}; }

  // Everything that goes wrong with a run, and what it said.
  Errc attempt() {
    text.clear();
    try {
      result = backup();
      text = result.alarm;
      return Errc{};
    } catch (const boost::system::system_error& e) {
      text = e.what();
      return classify(e.code());
    }
  }
  std::vector<HeadLook> look() {
    const HeadParts parts{*this, *state, *keys, workers, timers, clock};
    return run(look_at_heads(parts, std::chrono::seconds{5}));
  }
  std::vector<SnapshotInfo> list(std::size_t which, VaultPort* through = nullptr) {
    FakeVault plain(stores[which], id_of(which));
    VaultPort& vault = through ? *through : plain;
    const Head pinned = Heads(*state).pinned(id_of(which));
    auto all = run(list_snapshots(vault, trust(), workers));
    compare_listing(vault, *state, pinned, all);
    return all;
  }
  void mirror() {  // both have what one of them has
    stores[0].take_all_of(stores[1]);
    stores[1].take_all_of(stores[0]);
  }
  void back_up(int times) {
    for (int i = 0; i < times; ++i) {
      write("a", std::to_string(++version));
      backup();
      mirror();
    }
  }
  // As a new machine that holds the root key and nothing else.
  void forget() {
    for (const char* name : {"head", "head.copy", "pins", "pins.copy", "given", "pending"}) fs::remove(base / "state" / name);
    fs::remove_all(base / "state" / "jobs");
  }
  // A manifest of any agent of this name with this number, not made with our root key.
  Buffer forged(std::uint64_t number, const SigningKey& key) {
    SecretKey other;
    random.fill(other.mutable_view());
    Statement s{keys->account, keys->agent, number, Digest{}, ObjectId{}, SessionId{}, clock.wall(), {}};
    if (number > 1) s.previous.bytes.fill(7);
    return seal_manifest(s, SnapshotDetails{}, other, KeyRing(other), random, key, keys->chain);
  }
  Buffer of_format_1(std::uint64_t number, const Digest& previous, const SecretKey& wrap) { return test::of_format_1(*this, number, previous, wrap); }
  void plant(std::size_t which, const Buffer& manifest) {
    const Manifest m = Manifest::parse(manifest).value();
    stores[which].snapshots[m.statement().sequence] = RemoteSnapshot{manifest, {}, {}};
    stores[which].digests[m.statement().sequence] = m.snapshot_id();
  }

  int version = 0;
  std::string text;
  BackupResult result;
};

}  // namespace

TEST_CASE("heads: a head that a server only says is no predecessor; the run goes on at the other server and tells") {
  for (const std::uint64_t lie : {~std::uint64_t{0}, ~std::uint64_t{0} - 1, std::uint64_t{1} << 63, kLastSequence, std::uint64_t{5}}) {
    INFO(lie);
    History h;
    h.back_up(2);
    h.lies[0] = [&](VaultFacts& facts) {
      facts.head = lie;
      facts.head_digest.bytes.fill(0x55);
    };
    h.write("a", "after the lie");
    CHECK(h.attempt() == Errc{});
    CHECK(h.result.sequence == 3);
    CHECK(h.stores[1].head() == 3);
    CHECK_THAT(h.text, Contains("primary") || Contains("fake"));
    CHECK(history_alarms(*h.state).size() == 1);
    h.mirror();
    h.lies[0] = {};
    h.write("a", "later");
    CHECK(h.attempt() == Errc{});  // nothing of the lie stays
    CHECK(h.text.empty());
    CHECK(h.result.sequence == 4);
    CHECK(history_alarms(*h.state).empty());
  }
}

TEST_CASE("heads: when no server shows a history that can be believed the run ends with an alarm, and nothing was sent") {
  History h;
  h.back_up(1);
  for (auto& lie : h.lies) lie = [](VaultFacts& facts) { facts.head = 9, facts.head_digest.bytes.fill(1); };
  h.write("a", "2");
  CHECK(h.attempt() == Errc::rollback);
  CHECK(h.stores[0].head() == 1);
  CHECK(h.stores[1].head() == 1);
}

TEST_CASE("heads: a new machine takes the newest of both for its predecessor, when the root key's holder made it") {
  History h;
  h.back_up(3);
  h.stores[0].snapshots.erase(3);  // the primary lags
  h.stores[0].digests.erase(3);
  const Digest newest = h.stores[1].digests[3];
  h.forget();
  h.write("a", "new machine");
  CHECK(h.attempt() == Errc{});
  CHECK(h.result.sequence == 4);
  CHECK(Manifest::parse(h.stores[0].snapshots.at(4).manifest)->statement().previous == newest);
}

TEST_CASE("heads: a vault of the first version goes on, also on a new machine") {
  History h;
  const Buffer first = h.of_format_1(1, Digest{}, h.keys->ring.wrap_key());
  const Digest id = Manifest::parse(first).value().snapshot_id();
  for (const std::size_t which : {0u, 1u}) h.plant(which, first);
  h.write("a", "2");
  CHECK(h.attempt() == Errc{});
  CHECK(h.text.empty());
  CHECK(h.result.sequence == 2);
  CHECK(Manifest::parse(h.stores[0].snapshots.at(2).manifest)->statement().previous == id);
  CHECK(Heads(*h.state).bound_from() == 2);
}

TEST_CASE("heads: a statement of format 1 is no predecessor when its details are not ours, or when this agent makes bound ones by now") {
  History h;
  SECTION("details that our root key does not open") {
    for (const std::size_t which : {0u, 1u}) h.plant(which, h.of_format_1(1, Digest{}, SecretKey::from(Buffer(32, 9)).value()));
  }
  SECTION("after bound ones") {
    h.back_up(2);
    const Buffer third = h.of_format_1(3, h.stores[0].digests.at(2), h.keys->ring.wrap_key());
    for (const std::size_t which : {0u, 1u}) h.plant(which, third);
  }
  const std::uint64_t head = h.stores[0].head();
  h.write("a", "new");
  CHECK(h.attempt() == Errc::rollback);
  CHECK(h.stores[0].head() == head);
  CHECK(h.stores[1].head() == head);
}

TEST_CASE("heads: a manifest by an agent's key without its root key is no predecessor") {
  History h;
  h.back_up(2);
  h.plant(0, h.forged(3, h.keys->signing));
  h.forget();
  h.write("a", "3");
  CHECK(h.attempt() == Errc{});
  CHECK_THAT(h.text, Contains("was not made with this machine's root key"));
  CHECK(h.stores[1].head() == 3);
}

TEST_CASE("heads: a snapshot that a thief of the agent's key put on top keeps nobody from what lies below it") {
  History h;
  h.back_up(2);
  for (const std::size_t which : {0u, 1u}) h.plant(which, h.forged(3, h.keys->signing));
  const auto looks = h.look();
  REQUIRE(looks.size() == 2);
  for (const std::size_t which : {0u, 1u}) {
    CHECK(looks[which].alarm);
    CHECK(looks[which].is_forged);
    CHECK(looks[which].head.sequence == 0);  // it is no newest snapshot for status
    CHECK_THAT(looks[which].problem, Contains("its newest snapshot, number 3, was not made with this machine's root key") && Contains("ask the operator to look at that snapshot and to set it aside"));
    const auto all = h.list(which);
    REQUIRE(all.size() == 3);
    CHECK(all[1].ours);
    CHECK_FALSE(all[2].ours);
    CHECK_FALSE(all[2].problem.empty());
  }
  CHECK(history_alarms(*h.state).size() == 2);  // the list ends no alarm
  h.write("a", "3");
  CHECK(h.attempt() == Errc::rollback);
}

TEST_CASE("heads: a thief's snapshot below honest ones is an alarm that lasts until it is out of the way, and nobody is kept from backing up") {
  History h;
  h.back_up(2);
  CHECK(h.look().size() == 2);  // both are pinned
  // With the agent's key, and without its root key, somebody comes to the alternate before the mirror.
  h.plant(1, h.forged(3, h.keys->signing));
  h.write("a", "3");
  REQUIRE(h.attempt() == Errc{});
  h.write("a", "4");
  REQUIRE(h.attempt() == Errc{});
  h.stores[1].snapshots[4] = h.stores[0].snapshots.at(4);  // what the mirror can bring: neither 3, nor what would follow it
  h.stores[1].digests[4] = h.stores[0].digests.at(4);

  const auto looks = h.look();
  for (auto& l : looks) CHECK(l.answered);
  REQUIRE(history_alarms(*h.state).size() == 1);
  CHECK_THAT(history_alarms(*h.state)[0].text, Contains("number 3") && Contains("set-aside"));
  CHECK(Heads(*h.state).foreign(h.id_of(1)).sequence == 3);
  CHECK(Heads(*h.state).foreign(h.id_of(0)).sequence == 0);
  h.write("a", "5");
  REQUIRE(h.attempt() == Errc{});
  CHECK_THAT(h.text, Contains("not made with its root key"));  // told by the next run…
  h.write("a", "6");
  REQUIRE(h.attempt() == Errc{});
  CHECK(h.text.empty());  // …once
  h.look();
  CHECK(history_alarms(*h.state).size() == 1);  // and known until it has gone

  h.stores[1].snapshots.erase(3);
  h.stores[1].digests.erase(3);
  h.mirror();
  h.look();
  CHECK(history_alarms(*h.state).empty());
  CHECK(Heads(*h.state).judged(h.id_of(1)) == 6);
}

// A thief came to the alternate with 3 and 4, and the mirror could bring what came after them.
void plant_two(History& h) {
  h.back_up(2);
  h.look();
  h.plant(1, h.forged(3, h.keys->signing));
  h.plant(1, h.forged(4, h.keys->signing));
  for (int i = 3; i <= 5; ++i) {
    h.write("a", std::to_string(i));
    REQUIRE(h.attempt() == Errc{});
  }
  h.stores[1].snapshots[5] = h.stores[0].snapshots.at(5);
  h.stores[1].digests[5] = h.stores[0].digests.at(5);
  h.look();
  REQUIRE(Heads(*h.state).foreign(h.id_of(1)).sequence == 3);
}

TEST_CASE("heads: of several that are not ours the next one is the alarm when the first has gone; what an administrator accepts is none") {
  History h;
  plant_two(h);
  h.stores[1].snapshots.erase(3);
  h.stores[1].digests.erase(3);
  h.look();
  CHECK(Heads(*h.state).foreign(h.id_of(1)).sequence == 4);
  CHECK_FALSE(Heads(*h.state).news_of_foreign().empty());
  CHECK(Heads(*h.state).news_of_foreign().empty());
  Heads(*h.state).accept(h.id_of(1), Head{5, h.stores[1].digests.at(5), {}}, 5);
  h.look();
  CHECK(history_alarms(*h.state).empty());
}

TEST_CASE("heads: what is accepted is what was told, all that is there; one that came after it is an alarm") {
  History h;
  plant_two(h);
  const auto list = [&](std::uint64_t after) {
    FakeVault vault(h.stores[1], h.id_of(1));
    return h.run(list_foreign(vault, *h.keys, *h.state, after));
  };
  const auto all = list(Heads(*h.state).judged(h.id_of(1)));
  REQUIRE(all.first.size() == 2);
  CHECK(all.first[0].sequence == 3);
  CHECK(all.first[1].sequence == 4);
  CHECK(all.more == 0);
  CHECK(all.told_up_to == 5);
  CHECK(list(3).first.size() == 1);
  const Head shown{5, h.stores[1].digests.at(5), {}};
  SECTION("all were told") {
    Heads(*h.state).accept(h.id_of(1), shown, all.told_up_to);
    h.look();
    CHECK(history_alarms(*h.state).empty());
  }
  SECTION("the first was told alone") {
    Heads(*h.state).accept(h.id_of(1), shown, 3);
    h.look();
    CHECK(Heads(*h.state).foreign(h.id_of(1)).sequence == 4);
  }
  SECTION("a look that began before it changes nothing") {
    const std::uint64_t began = Heads(*h.state).judged(h.id_of(1));
    Heads(*h.state).accept(h.id_of(1), shown, all.told_up_to);
    CHECK_FALSE(Heads(*h.state).judge(h.id_of(1), "alternate", began, began, all.first[0]));
    CHECK(history_alarms(*h.state).empty());
    CHECK(Heads(*h.state).judged(h.id_of(1)) == 5);
  }
}

TEST_CASE("heads: of more than anybody reads the first are told, and the next look begins behind them") {
  History h;
  h.back_up(1);
  h.look();
  constexpr std::uint64_t kThere = ForeignSnapshots::kMost + 3;
  for (std::uint64_t i = 0; i < kThere; ++i) h.plant(1, h.forged(2 + i, h.keys->signing));
  FakeVault vault(h.stores[1], h.id_of(1));
  const auto all = h.run(list_foreign(vault, *h.keys, *h.state, 1));
  CHECK(all.first.size() == ForeignSnapshots::kMost);
  CHECK(all.more == 3);
  CHECK(all.told_up_to == 1 + ForeignSnapshots::kMost);
}

TEST_CASE("heads: what lies behind a page that nobody can read counts as untold") {
  History h;
  h.back_up(1);
  h.look();
  for (std::uint64_t i = 2; i < 300; ++i) h.stores[1].snapshots[i] = RemoteSnapshot{Buffer(100), {}, {}};
  h.plant(1, h.forged(300, h.keys->signing));
  FakeVault vault(h.stores[1], h.id_of(1));
  const auto all = h.run(list_foreign(vault, *h.keys, *h.state, 1));
  CHECK(all.first.empty());
  CHECK(all.told_up_to == 1);
}

TEST_CASE("heads: after an empty server was accepted all that comes there is judged, from the first") {
  History h;
  h.back_up(2);
  h.look();
  Heads(*h.state).accept(h.id_of(1), Head{}, 0);
  h.stores[1].snapshots.erase(1);
  h.stores[1].digests.erase(1);
  h.plant(1, h.forged(1, h.keys->signing));
  h.look();
  CHECK(Heads(*h.state).foreign(h.id_of(1)).sequence == 1);
}

TEST_CASE("heads: a state of an earlier version judges what comes from now on") {
  History h;
  h.back_up(2);
  h.look();
  auto pins = h.state->pins();
  for (auto& pin : *pins.mutable_pin()) pin.clear_judged();
  h.state->set_pins(pins);
  CHECK(Heads(*h.state).judged(h.id_of(1)) == 2);
  h.plant(1, h.forged(3, h.keys->signing));
  h.write("a", "3");
  REQUIRE(h.attempt() == Errc{});
  h.write("a", "4");
  REQUIRE(h.attempt() == Errc{});
  h.stores[1].snapshots[4] = h.stores[0].snapshots.at(4);
  h.stores[1].digests[4] = h.stores[0].digests.at(4);
  h.look();
  CHECK(Heads(*h.state).foreign(h.id_of(1)).sequence == 3);
}

TEST_CASE("heads: a server that was rolled back is noticed by a run, by a look and by a list, each server for itself") {
  for (const std::size_t which : {0u, 1u}) {
    INFO(which);
    History h;
    h.back_up(3);
    h.look();
    CHECK(Heads(*h.state).pinned(Machine::id_of(0)).sequence == 3);
    CHECK(Heads(*h.state).pinned(Machine::id_of(1)).sequence == 3);
    h.stores[which].snapshots.erase(3);
    h.stores[which].digests.erase(3);
    const auto looks = h.look();
    REQUIRE(looks.size() == 2);
    CHECK(looks[which].alarm);
    CHECK(looks[which].is_news);
    CHECK_FALSE(looks[which].is_forged);
    CHECK_THAT(looks[which].problem, Contains("number 3") && Contains("number 2") && Contains("set back"));
    CHECK_FALSE(looks[1 - which].alarm);
    CHECK_FALSE(h.look()[which].is_news);  // told once
    REQUIRE(history_alarms(*h.state).size() == 1);
    CHECK(Heads(*h.state).is_alarmed(Machine::id_of(which)));
    CHECK_THROWS_AS(h.list(which), failure);
    CHECK(h.list(1 - which).size() == 3);
    h.write("a", "4");
    CHECK(h.attempt() == Errc{});  // on the server that is right
    CHECK(h.text.empty() == (which == 1));
    h.mirror();
    h.look();
    CHECK(history_alarms(*h.state).empty());
  }
}

TEST_CASE("heads: an alarm is told, once, though this machine's disk takes nothing, and a run ends with it") {
  History h;
  h.back_up(3);
  h.look();
  h.stores[0].snapshots.erase(3);
  h.stores[0].digests.erase(3);
  sim::BadSectors disk(system_disk());
  h.state = std::make_unique<AgentState>(disk, (h.base / "state").string());
  h.choice = std::make_unique<ServerChoice>(*h.state, h.clock, h.random);
  disk.read_only = true;
  const auto looks = h.look();
  REQUIRE(looks.size() == 2);
  CHECK(looks[0].alarm);
  CHECK(looks[0].is_news);
  CHECK(looks[1].answered);
  CHECK_FALSE(looks[1].alarm);
  CHECK(history_alarms(*h.state).size() == 1);
  CHECK_FALSE(h.look()[0].is_news);
  CHECK(h.list(1).size() == 3);
  h.write("a", "4");
  CHECK(h.attempt() == Errc::rollback);  // not that it could not be written down
  CHECK_THAT(h.text, Contains("does not show it any more") && Contains("changing "));
}

TEST_CASE("heads: an alarm is news where what was known cannot be read") {
  History h;
  h.back_up(2);
  sim::BadSectors disk(system_disk());
  AgentState state(disk, (h.base / "state").string());
  disk.no_descriptors = true;
  CHECK(Heads(state).alarm(h.pair()[0], "it was set back", h.clock.wall()));
}

namespace {

// Servers of four addresses each, of which only one answers.
struct Deaf final : History {
  std::vector<ServerTarget> pair() const override {
    std::vector<ServerTarget> all;
    for (const std::size_t which : {0u, 1u})
      for (int i = 0; i < 4; ++i) all.push_back({id_of(which), which == 0 ? "primary" : "alternate", "192.0.2." + std::to_string(10 * which + i + 1)});
    return all;
  }
  task<void> use(ServerTarget target, Work work) override {
    tried.push_back(target.address);
    if (target.address != answers) co_await time.sleep(std::chrono::hours{1});
    co_await History::use(std::move(target), std::move(work));
  }
  std::vector<HeadLook> look_in_time(std::chrono::nanoseconds patience) {
    const HeadParts parts{*this, *state, *keys, workers, time, clock};
    return sim::run(io, time, look_at_heads(parts, patience));
  }
  asio::io_context io;
  sim::SimTimers time;
  std::string answers;
  std::vector<std::string> tried;
};

}  // namespace

TEST_CASE("heads: the patience is for a server, not for each of its addresses, and the servers are asked side by side") {
  Deaf d;
  const SteadyTime began = d.time.now();
  const auto looks = d.look_in_time(std::chrono::seconds{8});
  CHECK(d.time.now() - began == std::chrono::seconds{8});
  CHECK(d.tried.size() == 8);
  REQUIRE(looks.size() == 2);
  for (auto& l : looks) {
    CHECK_FALSE(l.answered);
    CHECK_THAT(l.problem, Contains("asking "));
  }
}

TEST_CASE("heads: behind addresses that swallow packets the last one has the rest of the patience") {
  Deaf d;
  d.answers = "192.0.2.4";
  const auto looks = d.look_in_time(std::chrono::seconds{8});
  REQUIRE(looks.size() == 2);
  CHECK(looks[0].answered);
  CHECK(looks[0].target.address == "192.0.2.4");
  CHECK_FALSE(looks[1].answered);
}

namespace {

// Has no objects, and fails at one of the questions for them.
struct Closed final : FakeVault {
  using FakeVault::FakeVault;
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink) override {
    if (fails_at-- == 1) std::rethrow_exception(why);
    co_return ids;
  }
  std::exception_ptr why;
  int fails_at = 0;
};

}  // namespace

TEST_CASE("heads: what is wrong with a server or this machine while an envelope is read makes no snapshot forged or broken") {
  History h;
  const Buffer first = h.of_format_1(1, Digest{}, h.keys->ring.wrap_key());
  h.plant(0, first);
  const SigningServer east(h, *h.authority);
  h.stores[0].snapshots[1].receipt = east.receipt(h, Manifest::parse(first).value().snapshot_id(), 1);
  const SnapshotTrust trust{*h.keys, h.authority->certificate(), ids_of(h.pair()), 0};
  const auto closed = [&](std::exception_ptr why) {
    Closed vault(h.stores[0], History::id_of(0));
    vault.lies().head = 1;
    vault.lies().head_digest = Manifest::parse(first).value().snapshot_id();
    vault.why = std::move(why);
    Errc head{}, list{};
    vault.fails_at = 1;
    try {
      h.run(prove_head(vault, *h.keys, h.workers, *h.state, Head{}));
    } catch (const failure& f) {
      head = classify(f.code());
    }
    vault.fails_at = 2;  // fetched ahead first
    try {
      h.run(list_snapshots(vault, trust, h.workers));
    } catch (const failure& f) {
      list = classify(f.code());
    }
    CHECK(head == list);
    return head;
  };
  CHECK(closed(std::make_exception_ptr(failure(Errc::no_space, "reading"))) == Errc::no_space);
  CHECK(closed(std::make_exception_ptr(failure(Errc::cancelled, "reading"))) == Errc::cancelled);
  CHECK(closed(std::make_exception_ptr(failure(Errc::disconnected, "reading"))) == Errc::disconnected);
  CHECK(closed(std::make_exception_ptr(wire::Refusal(Errc::damaged, "asking", {}))) == Errc::damaged);  // its registry, say
  CHECK(closed(std::make_exception_ptr(wire::Refusal(Errc::unauthorised, "asking", {}))) == Errc::unauthorised);
}

TEST_CASE("heads: later snapshots do not end the alarm about one that a server has lost") {
  History h;
  h.back_up(2);
  h.write("a", "east alone");
  h.backup();
  const RemoteSnapshot lost = h.stores[0].snapshots.at(3);
  h.stores[0].snapshots.erase(3);
  CHECK(h.look()[0].alarm);
  h.write("a", "west goes on");
  h.backup();
  REQUIRE(h.stores[1].snapshots.contains(4));
  h.mirror();
  CHECK(h.look()[0].alarm);
  CHECK(history_alarms(*h.state).size() == 1);
  h.stores[0].snapshots[3] = lost;
  CHECK_FALSE(h.look()[0].alarm);
  CHECK(history_alarms(*h.state).empty());

  h.stores[0].snapshots.erase(3);  // it had 4 by then, which is pinned
  CHECK_FALSE(h.look()[0].alarm);
  h.stores[0].snapshots.erase(4);
  CHECK(h.look()[0].alarm);
  Heads(*h.state).accept(History::id_of(0), Head{2, h.list(1)[1].id, {}}, 2);
  CHECK(history_alarms(*h.state).empty());
}

TEST_CASE("heads: that a server has lost one is noticed although later ones came to it before anybody looked") {
  History h;
  h.back_up(2);
  h.write("a", "east alone");
  h.backup();
  const RemoteSnapshot lost = h.stores[0].snapshots.at(3);
  h.stores[0].snapshots.erase(3);
  h.down[0] = true;
  h.write("a", "west goes on");
  h.backup();
  h.down[0] = false;
  h.mirror();
  REQUIRE(h.stores[0].snapshots.contains(4));
  CHECK(h.look()[0].alarm);
  CHECK_THAT(h.look()[0].problem, Contains("number 3") && Contains("The newest there is number 4 now"));
  CHECK_THROWS_AS(h.list(0), failure);
  CHECK(h.list(1).back().sequence == 4);
  CHECK(history_alarms(*h.state).size() == 1);  // the list ended nothing
  h.stores[0].snapshots[3] = lost;
  CHECK_FALSE(h.look()[0].alarm);
  CHECK(history_alarms(*h.state).empty());
  const auto looks = h.look();  // and it is asked no more for that one
  CHECK(looks[0].head.sequence == 4);
}

TEST_CASE("heads: another snapshot under the number that a server acknowledged is noticed") {
  History h;
  h.back_up(2);
  h.lies[0] = [](VaultFacts& facts) { facts.head_digest.bytes.fill(3); };
  CHECK(h.look()[0].alarm);
  CHECK_FALSE(h.look()[1].alarm);
}

TEST_CASE("heads: a state of an earlier version knows what its newest receipt says") {
  History h;
  h.back_up(1);
  auto head = h.state->head().value();
  wire::pb::Receipt receipt;
  receipt.set_server_id(Machine::id_of(0).raw());
  wire::pb::SignedReceipt document;
  document.set_receipt(receipt.SerializeAsString());
  head.set_receipt(document.SerializeAsString());
  head.set_sequence(7);
  h.state->set_head(head);
  fs::remove(h.base / "state" / "pins");
  fs::remove(h.base / "state" / "pins.copy");
  CHECK(Heads(*h.state).pinned(Machine::id_of(0)).sequence == 7);
  CHECK(Heads(*h.state).pinned(Machine::id_of(1)).sequence == 0);
  CHECK(h.look()[0].alarm);
}

TEST_CASE("heads: one copy of the pins is enough") {
  History h;
  h.back_up(2);
  std::ofstream(h.base / "state" / "pins") << "rot";
  CHECK(Heads(*h.state).pinned(Machine::id_of(0)).sequence == 2);
}

TEST_CASE("list: whatever was exchanged in a statement is seen, although its signature holds") {
  History h;
  h.back_up(2);
  archive::pb::SignedManifest m;
  archive::pb::Statement s;
  archive::pb::StatementBody old_body, body;
  const auto take = [&](std::uint64_t number, archive::pb::StatementBody& into) {
    const Buffer bytes = h.stores[0].snapshots.at(number).manifest;
    REQUIRE(m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    REQUIRE(s.ParseFromString(m.statement()));
    REQUIRE(into.ParseFromString(s.body()));
  };
  take(1, old_body);
  take(2, body);
  body.set_root(old_body.root());
  std::string label = "farkeep/2/manifest";
  SECTION("with the binding of the true one") { s.set_body(body.SerializeAsString()); }
  SECTION("as a statement that binds nothing, behind one that does") {
    archive::pb::Statement plain;
    plain.set_format(1);
    plain.set_account(body.account());
    plain.set_agent(body.agent());
    plain.set_sequence(2);
    plain.set_previous(body.previous());
    plain.set_root(body.root());
    plain.set_session(body.session());
    plain.set_nonce(body.nonce());
    plain.set_details(body.details());
    s = plain;
    label = "farkeep/1/manifest";
  }
  m.set_statement(s.SerializeAsString());
  m.set_signature(to_string(h.keys->signing.sign(as_bytes(label + m.statement()))));
  h.plant(0, to_buffer(as_bytes(m.SerializeAsString())));
  h.forget();
  FakeVault vault(h.stores[0], Machine::id_of(0));
  const auto all = h.run(list_snapshots(vault, h.trust(), h.workers));
  REQUIRE(all.size() == 2);
  CHECK(all[0].ours);
  CHECK_FALSE(all[1].ours);
  CHECK_THAT(all[1].problem, Contains("exchanged") || Contains("format 1"));
}

TEST_CASE("list: a server that shows ever more snapshots which this agent did not make is not listened to any longer") {
  History h;
  h.back_up(1);
  for (std::uint64_t n = 2; n < 3 + kMostForged; ++n) h.plant(0, h.forged(n, h.keys->signing));
  FakeVault vault(h.stores[0], Machine::id_of(0));
  try {
    h.run(list_snapshots(vault, h.trust(), h.workers));
    FAIL("all of them were taken");
  } catch (const failure& f) {
    CHECK(classify(f.code()) == Errc::rollback);
  }
  h.stores[0].snapshots.erase(2 + kMostForged);
  CHECK(h.run(list_snapshots(vault, h.trust(), h.workers)).size() == 1 + kMostForged);
}

TEST_CASE("list: a pinned snapshot that does not open any more is no other history") {
  History h;
  const Buffer first = h.of_format_1(1, Digest{}, SecretKey::from(Buffer(32, 9)).value());  // its envelope rotted, and no receipt holds for it
  for (const std::size_t which : {0u, 1u}) {
    h.plant(which, first);
    Heads(*h.state).pin(Machine::id_of(which), Head{1, Manifest::parse(first)->snapshot_id(), {}}, "one");
    const auto all = h.list(which);
    REQUIRE(all.size() == 1);
    CHECK_FALSE(all[0].problem.empty());
  }
}

TEST_CASE("pending: a manifest whose number has another is put aside, told, and backups go on in the same run") {
  History h;
  h.back_up(1);
  fs::copy(h.base / "state", h.base / "image", fs::copy_options::recursive);  // with a manifest that was made and not sent…
  const Manifest first = Manifest::parse(h.stores[0].snapshots.at(1).manifest).value();
  Statement s = first.statement();
  s.sequence = 2;
  s.previous = first.snapshot_id();
  const Buffer pending = seal_manifest(s, SnapshotDetails{}, SecretKey{}, h.keys->ring, h.random, h.keys->signing, h.keys->chain);
  // …the machine lived on, and is then set back.
  SECTION("another has its number") { h.back_up(1); }
  SECTION("newer ones are there") {
    h.back_up(2);
    for (auto& store : h.stores) {
      store.snapshots.erase(2);
      store.digests.erase(2);
    }
  }
  const std::uint64_t head = h.stores[0].head();
  fs::remove_all(h.base / "state");
  fs::copy(h.base / "image", h.base / "state", fs::copy_options::recursive);
  h.state->set_pending({2, "main", pending}, Manifest::parse(pending)->snapshot_id());
  h.write("a", "after the image");
  CHECK(h.attempt() == Errc{});
  CHECK(h.result.sequence == head + 1);
  CHECK_FALSE(h.state->pending().has_value());
  CHECK(h.state->disk().list((h.base / "state" / "pending-aside").string()).size() == 1);
  CHECK_THAT(h.result.alarm, Contains("will never be a snapshot"));
  CHECK(h.state->job("main").last_exit() == static_cast<std::uint32_t>(Exit::alarm));
  CHECK_THAT(h.state->job("main").own_alarm(), Contains("will never be a snapshot"));
  h.write("a", "later");
  CHECK(h.attempt() == Errc{});
  CHECK(h.result.alarm.empty());
  CHECK(h.state->job("main").last_exit() == 0);
  CHECK(h.state->job("main").own_alarm().empty());
}

TEST_CASE("pending: that one was put aside is told with the next snapshot, whatever becomes of the run that did it") {
  History h;
  h.back_up(1);
  std::ofstream(h.base / "state" / "pending") << "rot";
  h.write("a", "2");
  h.refuses_puts[0] = h.refuses_puts[1] = Errc::no_space;
  CHECK(h.attempt() != Errc{});
  CHECK_FALSE(fs::exists(h.base / "state" / "pending"));
  h.refuses_puts[0] = h.refuses_puts[1] = std::nullopt;
  CHECK(h.attempt() == Errc{});
  CHECK_THAT(h.result.alarm, Contains("will never be a snapshot"));
  CHECK(h.state->job("main").last_exit() == static_cast<std::uint32_t>(Exit::alarm));
}

TEST_CASE("heads: that they were lost is told with the next snapshot, and once") {
  History h;
  h.back_up(1);
  for (const char* file : {"pins", "pins.copy", "head", "head.copy"}) std::ofstream(h.base / "state" / file) << std::string(60, 'x');
  h.write("a", "2");
  CHECK(h.attempt() == Errc{});
  CHECK_THAT(h.result.alarm, Contains("is lost"));
  CHECK(h.state->job("main").last_exit() == static_cast<std::uint32_t>(Exit::alarm));
  CHECK_FALSE(Heads(*h.state).are_lost());
  h.write("a", "3");
  CHECK(h.attempt() == Errc{});
  CHECK(h.result.alarm.empty());
}

TEST_CASE("pending: what is put aside is bounded") {
  History h;
  for (std::uint64_t i = 1; i < 30; ++i) {
    h.state->set_pending({i, "main", h.forged(i, h.keys->signing)}, Digest{});
    h.state->put_pending_aside();
  }
  auto kept = h.state->disk().list((h.base / "state" / "pending-aside").string());
  std::sort(kept.begin(), kept.end());
  CHECK(kept.size() == AgentState::kMostAside);
  CHECK(kept.back() == "000000000029");
}

TEST_CASE("pending: one that cannot be read does not stop an agent") {
  History h;
  h.back_up(1);
  std::ofstream(h.base / "state" / "pending") << "rot";
  h.write("a", "2");
  CHECK(h.attempt() == Errc{});
  CHECK_FALSE(fs::exists(h.base / "state" / "pending"));
}

TEST_CASE("heads: an alarm is a screen of text, whatever a server calls itself") {
  History h;
  const ServerTarget server{Machine::id_of(0), std::string(300'000, 'n'), "192.0.2.1"};
  Heads heads(*h.state);
  CHECK(heads.alarm(server, std::string(900'000, 'x'), h.clock.wall()));
  CHECK_FALSE(heads.alarm(server, std::string(900'000, 'x'), h.clock.wall()));
  const auto alarms = history_alarms(*h.state);
  REQUIRE(alarms.size() == 1);
  CHECK(alarms.front().text.size() == 4096);
  CHECK(alarms.front().name.size() == 256);
}

TEST_CASE("heads: where the last number cannot be read any more, everything is read as before, and a recovery gives numbers above all that may have been used") {
  History h;
  h.back_up(3);
  for (const char* name : {"given", "given.copy"}) std::ofstream(h.base / "state" / name, std::ios::binary) << "xx";
  for (auto& l : h.look()) CHECK_FALSE(l.alarm);
  CHECK(h.list(0).size() == 3);
  h.write("a", "new");
  CHECK(h.attempt() == Errc::damaged);
  CHECK_THAT(h.text, Contains("farkeep recover"));

  const HeadParts parts{h, *h.state, *h.keys, h.workers, h.timers, h.clock};
  h.down[0] = h.down[1] = true;
  CHECK_THROWS_AS(h.run(renew_last_given(parts)), failure);
  h.down[1] = false;
  CHECK(h.run(renew_last_given(parts)) == 3 + kNumbersLeftOut);
  CHECK(h.run(renew_last_given(parts)) == 0);
  h.down[0] = false;
  CHECK(h.attempt() == Errc{});
  CHECK(h.result.sequence == 4 + kNumbersLeftOut);
  CHECK(Manifest::parse(h.stores[0].snapshots.at(h.result.sequence).manifest)->statement().previous == h.stores[0].digests.at(3));
}

TEST_CASE("heads: what an administrator accepts is all that a server is known to have, and numbers that were given stay given") {
  History h;
  h.back_up(3);
  h.look();
  const Digest second = h.stores[0].digests.at(2);
  for (auto& store : h.stores) {
    store.snapshots.erase(3);
    store.digests.erase(3);
  }
  h.write("a", "later");
  CHECK(h.attempt() == Errc::rollback);
  const auto accept = [&](std::size_t which) {
    FakeVault vault(h.stores[which], Machine::id_of(which));
    const Head shown = h.run(shown_head(vault, *h.keys, h.workers, *h.state));
    CHECK(shown.sequence == 2);
    CHECK(shown.id == second);
    CHECK(Heads(*h.state).pinned(Machine::id_of(which)).sequence == 3);  // looking keeps nothing
    Heads(*h.state).accept(Machine::id_of(which), shown, shown.sequence);
    CHECK(Heads(*h.state).pinned(Machine::id_of(which)).sequence == 2);
  };
  accept(0);
  CHECK(history_alarms(*h.state).size() == 1);
  CHECK(Heads(*h.state).newest_seen().sequence == 3);  // the other one has it, as far as is known
  accept(1);
  CHECK(history_alarms(*h.state).empty());
  CHECK(Heads(*h.state).newest_seen().sequence == 2);

  AgentConfig config;
  config.jobs.emplace_back();
  config.jobs.back().name = "main";
  auto there = h.list(0);
  REQUIRE(there.size() == 2);
  for (auto& s : there) {  // receipts of servers in memory hold for nobody
    s.problem.clear();
    s.details.job = "main";
  }
  there.back().is_protected = true;
  CHECK(settle_jobs(*h.state, config, there).size() == 1);
  CHECK(h.state->job("main").snapshot_sequence() == 2);
  CHECK(KnownProtection(*h.state).of("main") == true);
  CHECK(settle_jobs(*h.state, config, there).empty());

  CHECK(h.attempt() == Errc{});
  CHECK(h.result.sequence == 4);
  h.mirror();
  for (auto& l : h.look()) CHECK_FALSE(l.alarm);
  h.stores[0].snapshots.erase(4);
  h.stores[0].digests.erase(4);
  CHECK(h.look()[0].alarm);  // and it is noticed again
}

TEST_CASE("heads: what is accepted must be this agent's own, and may be nothing at all") {
  History h;
  h.back_up(1);
  h.look();
  h.plant(0, h.forged(2, h.keys->signing));
  FakeVault forged(h.stores[0], Machine::id_of(0));
  CHECK_THROWS_AS(h.run(shown_head(forged, *h.keys, h.workers, *h.state)), forged_head);
  h.stores[1].snapshots.clear();
  h.stores[1].digests.clear();
  FakeVault empty(h.stores[1], Machine::id_of(1));
  const Head shown = h.run(shown_head(empty, *h.keys, h.workers, *h.state));
  CHECK(shown.sequence == 0);
  Heads(*h.state).accept(Machine::id_of(1), shown, shown.sequence);
  CHECK_FALSE(h.look()[1].alarm);
}

namespace {

// A machine and its clone: two folders that were one, of which each works in turn.
struct Twins : History {
  explicit Twins(int before) {
    back_up(before);
    fs::copy(base / "state", base / "other", fs::copy_options::recursive);
  }
  void change_places() {
    fs::rename(base / "state", base / "third");
    fs::rename(base / "other", base / "state");
    fs::rename(base / "third", base / "other");
  }
  Errc attempt_of_next() {
    change_places();
    write("a", std::to_string(++version));
    const Errc end = attempt();
    mirror();
    return end;
  }
};

}  // namespace

TEST_CASE("heads: snapshots that another machine makes as this agent are an alarm on both, once for each of them, and nobody is kept from backing up") {
  Twins t(2);
  CHECK(t.attempt_of_next() == Errc{});  // the clone, before anybody can know
  CHECK(t.text.empty());
  CHECK(t.attempt_of_next() == Errc{});
  CHECK_THAT(t.text, Contains("another machine works with a copy of this state folder") && Contains("recover --as-new") && Contains("number 3"));
  CHECK(t.result.sequence == 4);
  t.write("a", "again");
  CHECK(t.attempt() == Errc{});
  CHECK(t.text.empty());
  CHECK_THAT(Heads(*t.state).other_machine(), Contains("number 3"));  // status says so on
  t.mirror();
  CHECK(t.attempt_of_next() == Errc{});
  CHECK_THAT(t.text, Contains("another machine") && Contains("number 5"));
  CHECK(Heads::newest_of_other(*t.state).sequence == 5);
  auto shown = t.list(0);
  CHECK(Heads(*t.state).shows_other_machine(shown));
  std::erase_if(shown, [](const SnapshotInfo& s) { return s.sequence == 5; });
  CHECK_FALSE(Heads(*t.state).shows_other_machine(shown));
  Heads(*t.state).forget_other_machine();
  CHECK(Heads(*t.state).other_machine().empty());
}

TEST_CASE("heads: whoever only looks meets the other machine, too, and the next run still tells") {
  Twins t(2);
  t.attempt_of_next();
  t.change_places();
  t.list(0);
  CHECK_FALSE(Heads(*t.state).other_machine().empty());
  t.change_places();
  CHECK(t.attempt_of_next() == Errc{});
  CHECK_THAT(t.text, Contains("another machine"));
}

TEST_CASE("heads: a machine that makes its own snapshots, that was recovered, or whose answer was lost meets no other machine") {
  History h;
  h.back_up(3);
  h.look();
  CHECK(Heads(*h.state).other_machine().empty());
  h.forget();
  h.back_up(1);
  CHECK(Heads(*h.state).other_machine().empty());
  for (const char* name : {"head", "head.copy", "pins", "pins.copy"}) fs::remove(h.base / "state" / name);  // `given` is durable, the others are not yet
  h.back_up(2);
  CHECK(Heads(*h.state).other_machine().empty());
}

TEST_CASE("heads: latest is this machine's own while another one works beside it; of a folder that was set back it is the newest of all") {
  Twins t(2);
  t.attempt_of_next();  // 3, the clone's
  t.change_places();
  const auto listed = [&t] {
    auto rows = t.list(0);
    for (auto& s : rows) s.problem.clear();  // the fake servers give no receipts
    return rows;
  };
  auto all = listed();
  CHECK(latest_made_here(all, "latest", *t.state) == nullptr);  // for all that is known this folder was set back
  t.change_places();
  t.attempt_of_next();  // 4
  t.attempt_of_next();  // 5, the clone's
  t.change_places();
  all = listed();
  const SnapshotInfo* own = latest_made_here(all, "latest", *t.state);
  REQUIRE(own);
  CHECK(own->sequence == 4);
  CHECK(latest_made_here(all, "latest:" + own->details.job, *t.state) == own);
  CHECK(latest_made_here(all, "latest:nothing", *t.state) == nullptr);
  CHECK(latest_made_here(all, own->id.hex(), *t.state) == nullptr);
  t.change_places();
  t.attempt_of_next();  // 6: what is newest is its own
  all = listed();
  CHECK(latest_made_here(all, "latest", *t.state) == nullptr);
}
