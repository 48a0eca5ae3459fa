#include <catch2/catch.hpp>

#include "platform/atomic_file.hpp"
#include "unit/vault/pair_of_servers.hpp"
#include "unit/vault/store_in_memory.hpp"
#include "vault/aside_orders.hpp"
#include "vault/registry_entry.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

/// Its disk gives no commit object of one agent any more.
class SickStore final : public StoreInMemory {
 public:
  SickStore(StoreId id, std::string agent) : StoreInMemory(id), agent_(std::move(agent)) {}
  bool sick = false, odd = false;
  std::size_t snapshots_read = 0;

  task<std::optional<Buffer>> get(std::string name) override {
    if (odd && name.find(agent_ + "/snap/") != std::string::npos) throw std::length_error("nobody thought of this");
    bool const is_snapshot = name.find(agent_ + "/snap/") != std::string::npos;
    if (is_snapshot) ++snapshots_read;
    if (sick && is_snapshot) throw failure(Errc::io, "reading " + name);
    return StoreInMemory::get(std::move(name));
  }

 private:
  const std::string agent_;
};

// While they cannot reach one another, each takes another snapshot as number 1: the agent was restored from an image, and starts again.
void make_fork(PairOfServers& w, TestAgent& agent) {
  w.part();
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  agent.sequence = 0;
  agent.previous = Digest{};
  REQUIRE(agent.run(*w.west, 200) == Errc{});
  w.heal();
}

// As `farkeep-server snapshots set-aside` does; what came of it within the time.
std::string set_aside(PairOfServers& w, DataCentre& centre, const TestAgent& agent, std::uint64_t number, const std::string& reason, std::chrono::nanoseconds time) {
  AsideOrders orders{centre.disk(), "/data"};
  AsideOrder order;
  order.account = agent.account;
  order.agent = agent.agent;
  order.sequence = number;
  order.reason = reason;
  order.time_ns = w.planet.clock.wall().time_since_epoch().count();
  orders.place(order);
  w.planet.pass(time);
  return orders.outcome(order).value_or("nothing");
}

}  // namespace

TEST_CASE("mirror: what one side accepts is protected on both within seconds, either way") {
  PairOfServers w;
  TestAgent one{w.planet}, two{w.planet, "10.1.0.2"};
  REQUIRE(one.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  REQUIRE(two.enrol(*w.west, w.west->token("acme")) == Errc{});  // the account came over with the registry
  REQUIRE(one.run(*w.east, 1000, 40) == Errc{});
  REQUIRE(two.run(*w.west, 2000, 40) == Errc{});
  w.planet.pass(5s);
  CHECK(w.equal_and_protected(one, 1));
  CHECK(w.equal_and_protected(two, 1));
  REQUIRE(one.run(*w.east, 3000, 3) == Errc{});
  w.planet.pass(5s);
  CHECK(w.equal_and_protected(one, 2));
}

TEST_CASE("mirror: accounts and agents are known on both sides, with the same bytes") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  auto const there = w.west->registry().agent(agent.agent);
  REQUIRE(there);
  CHECK(there->SerializeAsString() == w.east->registry().agent(agent.agent)->SerializeAsString());
  CHECK(w.west->registry().account_named("acme"));
  CHECK(agent.run(*w.west, 500) == Errc{});  // so it may go to either

  w.west->registry().set_revoked(agent.agent, true);  // by the administrator, in the files, while the server runs
  w.planet.pass(10s);
  CHECK(w.east->registry().agent(agent.agent)->revoked());
}

TEST_CASE("mirror: the directory names both, and both give it out") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  std::string first;
  for (auto* centre : {w.east.get(), w.west.get()}) {
    msg::SignedDirectory got;
    auto const work = [&](Peer& peer) -> task<void> { got = co_await peer.call<msg::SignedDirectory>(Verb::directory, msg::GetDirectory{}); };
    REQUIRE(agent.client.with(*centre, work) == Errc{});
    auto const directory = wire::verify_directory(got, w.east->identity().root(), w.planet.clock.wall());
    REQUIRE(directory.has_value());
    CHECK(directory->pair(0).primary().server_id() == as_text(w.east->identity().id().view()));
    CHECK(directory->pair(0).alternate().address(0) == "10.0.0.3:16384");
    if (first.empty()) first = got.directory();
    CHECK(got.directory() == first);
  }
}

TEST_CASE("mirror: after an outage both sides catch up, also where one agent went on at the other side") {
  PairOfServers w;
  TestAgent one{w.planet}, two{w.planet, "10.1.0.2"}, mover{w.planet, "10.1.0.3"};
  auto const token = w.east->token("acme", 3);
  for (auto* agent : {&one, &two, &mover}) REQUIRE(agent->enrol(*w.east, token) == Errc{});
  w.planet.pass(5s);
  w.part();
  for (std::uint64_t i = 0; i < 4; ++i) {
    REQUIRE(one.run(*w.east, 10'000 + i * 100) == Errc{});
    REQUIRE(two.run(*w.west, 20'000 + i * 100) == Errc{});
    REQUIRE(mover.run(i % 2 == 0 ? *w.east : *w.west, 30'000 + i * 100) == Errc{});
  }
  w.planet.pass(5min);
  CHECK(w.west->snapshots(one.account, one.agent).empty());
  CHECK(w.east->snapshots(mover.account, mover.agent).size() == 2);
  w.heal();
  w.planet.pass(3min);
  CHECK(w.equal_and_protected(one, 4));
  CHECK(w.equal_and_protected(two, 4));
  CHECK(w.equal_and_protected(mover, 4));
  auto const state = w.east->registry().mirror_state();
  REQUIRE(state);
  CHECK(state->behind() == 0);
  CHECK(state->problem().empty());
}

TEST_CASE("mirror: a vault that cannot be read any more keeps no other from being mirrored, in either direction") {
  PairOfServers w;
  TestAgent well{w.planet}, sick{w.planet, "10.1.0.2"}, other{w.planet, "10.1.0.3"};
  auto const token = w.east->token("acme", 3);
  for (auto* agent : {&well, &sick, &other}) REQUIRE(agent->enrol(*w.east, token) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), sick.agent.hex());
  auto& store = *made;
  w.east->use_store(std::move(made));
  w.east->start();
  for (std::uint64_t i = 0; i < 6; ++i) REQUIRE(sick.run(*w.east, 10'000 + i * 100) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  store.sick = true;
  REQUIRE(other.run(*w.west, 20'000) == Errc{});
  w.east->start();
  REQUIRE(well.run(*w.east, 30'000) == Errc{});
  w.planet.pass(5min);
  CHECK(w.equal_and_protected(well, 1));
  CHECK(w.equal_and_protected(other, 1));
  CHECK(w.east->registry().mirror_state()->behind() == 1);
}

TEST_CASE("mirror: a vault that cannot be opened is opened less and less often, and its partner's comparisons open it no more than its own server's") {
  PairOfServers w;
  TestAgent sick{w.planet}, well{w.planet, "10.1.0.2"};
  auto const token = w.east->token("acme", 2);
  for (auto* agent : {&sick, &well}) REQUIRE(agent->enrol(*w.east, token) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), sick.agent.hex());
  auto& store = *made;
  w.east->use_store(std::move(made));
  w.east->settings().mirror.backoff = 15min;
  w.east->start();
  for (std::uint64_t i = 0; i < 6; ++i) REQUIRE(sick.run(*w.east, 10'000 + i * 100) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  w.west->stop();
  w.west->settings().mirror.backoff = 15min;
  store.sick = true;
  w.east->start();
  w.west->start();
  w.planet.pass(5min);
  store.snapshots_read = 0;
  w.planet.pass(2h);
  CHECK(store.snapshots_read > 0);
  CHECK(store.snapshots_read < 200);  // an opening reads five; each of the two servers that mirror it tries eight times
  REQUIRE(well.run(*w.east, 30'000) == Errc{});
  w.planet.pass(1min);
  CHECK(w.equal_and_protected(well, 1));
}

TEST_CASE("mirror: one snapshot that the partner lacks is read and pushed without reading those that it has") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), agent.agent.hex());
  auto& store = *made;
  w.east->use_store(std::move(made));
  w.east->start();
  constexpr std::size_t kBefore = 20;
  for (std::uint64_t i = 0; i < kBefore; ++i) REQUIRE(agent.run(*w.east, 10'000 + i * 100) == Errc{});
  w.planet.pass(1min);
  REQUIRE(w.equal_and_protected(agent, kBefore));
  w.part();
  REQUIRE(agent.run(*w.east, 20'000) == Errc{});
  w.planet.pass(1min);
  store.snapshots_read = 0;
  w.heal();
  w.planet.pass(1min);
  CHECK(store.snapshots_read < 2 * kBefore + 10);  // the partner asks for all of them when it compares: before it has the new one, and perhaps once more
  CHECK(w.equal_and_protected(agent, kBefore + 1));
}

TEST_CASE("mirror: a snapshot of which an object is lost here holds up none of those behind it") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), agent.agent.hex());
  auto& store = *made;
  w.east->use_store(std::move(made));
  w.east->start();
  w.part();
  REQUIRE(agent.run(*w.east, 10'000) == Errc{});
  auto const of_the_first = w.planet.run(store.list("v/"));
  REQUIRE(agent.run(*w.east, 20'000) == Errc{});
  auto const of_both = w.planet.run(store.list("v/"));
  REQUIRE(agent.run(*w.east, 30'000) == Errc{});
  w.east->stop();
  for (auto const& object : of_both)
    if (object.name.find("/seg/") != std::string::npos && std::find(of_the_first.begin(), of_the_first.end(), object) == of_the_first.end()) w.planet.run(store.remove(object.name));
  w.east->disk().remove_tree("/data/cache");
  w.east->start();
  w.heal();
  w.planet.pass(2min);
  auto const there = w.west->snapshots(agent.account, agent.agent);
  CHECK(there.contains(1));
  CHECK_FALSE(there.contains(2));
  CHECK(there.contains(3));
}

TEST_CASE("mirror: key slots of a vault that cannot be opened hold up none of the other vaults'") {
  PairOfServers w;
  std::vector<std::unique_ptr<TestAgent>> agents;
  auto const token = w.east->token("acme", 4);
  for (auto const* address : {"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4"}) {
    agents.push_back(std::make_unique<TestAgent>(w.planet, address));
    REQUIRE(agents.back()->enrol(*w.east, token) == Errc{});
  }
  auto const first = std::min_element(agents.begin(), agents.end(), [](const auto& a, const auto& b) { return a->agent < b->agent; });
  auto& sick = **first;  // in this order slots are pushed
  w.planet.pass(5s);
  w.west->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), sick.agent.hex());
  auto& store = *made;
  w.west->use_store(std::move(made));
  w.west->start();
  for (std::uint64_t i = 0; i < 6; ++i) REQUIRE(sick.run(*w.west, 10'000 + i * 100) == Errc{});
  w.planet.pass(1min);
  w.west->stop();
  store.sick = true;
  auto const add = [](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    msg::AddSlot question;
    question.set_slot("a slot");
    co_await peer.call<msg::Done>(Verb::add_slot, question);
  };
  for (auto& agent : agents) REQUIRE(agent->client.with(*w.east, add) == Errc{});
  w.east->stop();  // it remembers no vault that changed
  w.east->start();
  w.west->start();
  w.planet.pass(1min);
  for (auto& agent : agents) {
    if (agent.get() == &sick) continue;
    std::size_t slots = 0;
    auto const read = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      auto const there = co_await peer.call<msg::Slots>(Verb::slots, msg::GetSlots{});
      slots = static_cast<std::size_t>(there.slot_size());
    };
    REQUIRE(agent->client.with(*w.west, read) == Errc{});
    CHECK(slots == 1);
  }
}

TEST_CASE("mirror: what nobody thought of ends the conversation with the partner, and neither the mirror nor the server") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), agent.agent.hex());
  auto& store = *made;
  w.east->use_store(std::move(made));
  w.east->start();
  w.part();
  REQUIRE(agent.run(*w.east, 10'000) == Errc{});
  store.odd = true;
  w.heal();
  w.planet.pass(5min);
  CHECK(w.east->registry().mirror_state()->problem().find("nobody thought") != std::string::npos);
  store.odd = false;
  CHECK_FALSE(w.equal_and_protected(agent, 1));
  w.planet.pass(5min);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: catalogs of any shape come over whole") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.part();
  std::vector<Buffer> records{chunk(50'000)};
  std::vector<std::uint64_t> leaves, inner;
  for (std::uint64_t i = 0; i < 300; ++i) {
    records.push_back(node(60'000 + i, std::vector<std::uint64_t>(4000, 50'000)));
    leaves.push_back(60'000 + i);
  }
  for (std::uint64_t i = 0; i < 50; ++i) {
    records.push_back(node(70'000 + i, leaves));
    inner.push_back(70'000 + i);
  }
  records.push_back(node(80'000, inner));
  REQUIRE(agent.run_with(*w.east, 80'000, records) == Errc{});
  w.heal();
  w.planet.pass(3min);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: a partner that is back after days gets everything when it connects, not when its turn comes") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.east->stop();
  w.east->settings().mirror.backoff = 10 * 24h;
  w.west->stop();
  w.east->start();
  REQUIRE(agent.run(*w.east, 1000) == Errc{});
  w.planet.pass(20 * 24h);
  w.west->start();
  w.planet.pass(5s);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: settings that are taken over while it waits to try again count at once") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.west->stop();
  w.east->stop();
  auto& settings = w.east->settings();
  auto const right = settings.mirror;
  settings.mirror.addresses = {*Endpoint::parse("10.0.0.99")};
  settings.mirror.backoff = 10 * 24h;
  w.east->start();
  w.planet.pass(20 * 24h);
  REQUIRE(agent.run(*w.east, 1000) == Errc{});
  w.west->start();
  w.planet.pass(1h);
  CHECK(w.west->snapshots(agent.account, agent.agent).empty());
  settings.mirror = right;
  w.east->server().use(settings);
  w.planet.pass(5s);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: a partner that restarted with nothing in its store gets everything again") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  for (std::uint64_t i = 0; i < 3; ++i) REQUIRE(agent.run(*w.east, 1000 + i * 100) == Errc{});
  w.planet.pass(10s);
  REQUIRE(w.equal_and_protected(agent, 3));
  w.west->stop();
  w.west->lose_store();
  w.west->start();
  w.planet.pass(2min);
  CHECK(w.equal_and_protected(agent, 3));
}

TEST_CASE("mirror: a node that came without what is below it does not fool the mirror") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.part();
  // West got the catalog, and then the agent went to the other side.
  SmallSnapshot const content{700, 1, Digest{}, 20};
  auto const half = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    std::vector<Buffer> records{envelope(), content.records[20], content.records[21]};
    auto answer = co_await TestAgent::put(peer, std::move(records));
    co_await answer.only();
  };
  REQUIRE(agent.client.with(*w.west, half) == Errc{});
  REQUIRE(agent.run(*w.east, 700, 20) == Errc{});
  w.heal();
  w.planet.pass(2min);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: junk that the partner puts under the ids of history does not count") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 700, 3) == Errc{});
  w.planet.pass(2min);
  REQUIRE(w.equal_and_protected(agent, 1));
  std::vector<Buffer> const good = SmallSnapshot{700, 1, Digest{}, 3}.records;
  std::vector<Buffer> found;
  auto who = PeerIdentity::of_server(w.west->identity().id());
  who.certificate = w.west->identity().chain()[0].der();
  Client west{w.planet, "10.0.0.3", who, {}, {}};
  auto const work = [&](Peer& peer) -> task<void> {
    msg::OpenVault question;
    question.set_account(wire::to_field(agent.account));
    question.set_agent(wire::to_field(agent.agent));
    co_await peer.call<msg::VaultState>(Verb::open, question);
    std::vector<Made> data{Made{object(90001), {}}}, nodes{Made{object(90002), {}}};
    for (auto const& record : good) {
      auto const view = RecordView::parse(record);
      (view->type() == ObjectType::node ? nodes : data).push_back(Made{view->id(0), {}});
    }
    std::vector<Buffer> junk{record(ObjectType::data, data), record(ObjectType::node, nodes)};
    auto put = co_await TestAgent::put(peer, std::move(junk));
    co_await put.only();
    for (auto const& record : good) {
      msg::Get wanted;
      const std::vector<ObjectId> ids{RecordView::parse(record)->id(0)};
      wanted.set_ids(wire::to_field(ids));
      auto answer = co_await peer.send(Verb::get, wire::to_head(wanted));
      for (;;) {
        auto frame = co_await answer.next();
        if (!frame) break;
        if (!frame->body.empty()) found.push_back(std::move(frame->body));
      }
    }
  };
  CHECK(west.with(*w.east, work) == Errc{});
  CHECK(found == good);
}

TEST_CASE("mirror: key slots reach the other side, at once and after an outage") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  auto const add = [](std::string text) {
    return [text](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      msg::AddSlot question;
      question.set_slot(text);
      co_await peer.call<msg::Done>(Verb::add_slot, question);
    };
  };
  auto const slots_at = [&](DataCentre& centre) {
    std::set<std::string> out;
    auto const read = [&](Peer& peer) -> task<void> {
      co_await TestAgent::open(peer);
      auto const slots = co_await peer.call<msg::Slots>(Verb::slots, msg::GetSlots{});
      out = {slots.slot().begin(), slots.slot().end()};
    };
    CHECK(agent.client.with(centre, read) == Errc{});
    return out;
  };
  auto const first = add("passphrase");
  REQUIRE(agent.client.with(*w.east, first) == Errc{});
  w.planet.pass(5s);
  CHECK(slots_at(*w.west) == std::set<std::string>{"passphrase"});
  w.part();
  auto const second = add("escrow");
  REQUIRE(agent.client.with(*w.west, second) == Errc{});
  w.planet.pass(5min);
  w.heal();
  w.planet.pass(2min);
  CHECK(slots_at(*w.east) == std::set<std::string>{"passphrase", "escrow"});
}

TEST_CASE("mirror: a page of the registry that asks for more than an answer holds gets what fits") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  auto const tell = [&](Peer& peer) -> task<void> {
    msg::Report report;
    report.set_time_ns(1);
    for (int i = 0; i < 200; ++i) report.add_job()->set_name(std::string(300, 'n'));
    co_await peer.call<msg::Done>(Verb::report, report);
  };
  REQUIRE(agent.client.with(*w.east, tell) == Errc{});
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(w.west->identity().id()), {}, {}};
  partner.who.certificate = w.west->identity().chain()[0].der();
  int entries = 0;
  auto const ask = [&](Peer& peer) -> task<void> {
    msg::SyncRegistry page;
    vault::pb::Told old;
    old.set_id(to_string(agent.agent.view()));
    for (int i = 0; i < 50; ++i) {
      auto* entry = page.add_entry();
      entry->set_kind(kToldEntry);
      entry->set_key(old.id());
      entry->set_value(old.SerializeAsString());
    }
    auto const answer = co_await peer.call<msg::SyncRegistry>(Verb::registry, page);
    entries = answer.entry_size();
  };
  CHECK(partner.with(*w.east, ask) == Errc{});
  CHECK(entries > 5);
  CHECK(entries < 20);
}

TEST_CASE("mirror: what an agent tells of itself is known on both sides, at once and after an outage") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  auto const tell = [&](DataCentre& centre, const std::string& job, int jobs = 1) {
    auto const talk = [&](Peer& peer) -> task<void> {
      msg::Report report;
      for (int i = 0; i < jobs; ++i) report.add_job()->set_name(job);
      co_await peer.call<msg::Done>(Verb::report, report);
    };
    return agent.client.with(centre, talk);
  };
  auto const known = [&](DataCentre& centre) {
    auto const told = centre.registry().told(agent.agent);
    msg::Report report;
    if (told) report.ParseFromString(told->report());
    return report.job_size() > 0 ? report.job(0).name() : "";
  };
  REQUIRE(tell(*w.east, "first") == Errc{});
  CHECK(known(*w.east) == "first");
  w.planet.pass(5s);
  CHECK(known(*w.west) == "first");
  w.part();
  REQUIRE(tell(*w.west, "second") == Errc{});
  w.planet.pass(5min);
  CHECK(known(*w.east) == "first");
  w.heal();
  w.planet.pass(2min);
  CHECK(known(*w.east) == "second");
  CHECK(known(*w.west) == "second");
  CHECK(tell(*w.east, "many", limits::kMaxReportJobs) == Errc{});
  CHECK(tell(*w.east, "too many", limits::kMaxReportJobs + 1) == Errc::too_large);
  CHECK(known(*w.east) == "many");
}

TEST_CASE("mirror: a server whose disk is full cannot note how it stands, and goes on") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.east->disk().set_full(true);
  w.part();
  w.planet.pass(5min);
  CHECK(w.east->running());
  w.heal();
  w.planet.pass(2min);
  CHECK(w.east->running());
  w.east->disk().set_full(false);
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  w.planet.pass(10s);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: one invitation joins one server with one key, and nobody else who has the line can use it") {
  PairOfServers w;
  auto const invite = [&] {
    Registry::TokenOrder order;
    order.purpose = vault::pb::Token::INVITE;
    order.valid = 1h;
    return to_string(w.east->registry().create_token(order).view());
  };
  auto const token = invite();
  auto const key = SigningKey::generate(w.planet.random), thief = SigningKey::generate(w.planet.random);
  auto const ask = [&](const std::string& with, const ServerId& id, const SigningKey& by, const char* address) {
    msg::Join question;
    question.set_invitation(with);
    question.set_server_id(to_string(id.view()));
    question.set_issuing_csr(to_string(CertificateRequest::make(by).der()));
    question.set_name("third");
    question.add_address(address);
    Client stranger{w.planet, address, PeerIdentity{}, {}, {}};
    return stranger.with(*w.east, [&](Peer& peer) -> task<void> { co_await peer.call<msg::Joined>(Verb::join, question); });
  };
  auto const partner_at = [&] { return w.east->registry().partner()->address(0); };
  auto const id = w.planet.random.id<ServerId>(), other = w.planet.random.id<ServerId>();
  CHECK(ask(token, id, key, "10.0.0.4") == Errc{});
  auto const joined = partner_at();
  CHECK(ask(token, id, key, "10.0.0.4") == Errc{});  // the answer was lost
  CHECK(ask(token, id, thief, "10.0.0.66") == Errc::bad_token);
  CHECK(ask(token, other, thief, "10.0.0.66") == Errc::bad_token);
  CHECK(ask(token, other, key, "10.0.0.66") == Errc::bad_token);
  CHECK(partner_at() == joined);

  // A server that was replaced since does not come back by its old line.
  w.planet.pass(1s);
  CHECK(ask(invite(), other, thief, "10.0.0.5") == Errc{});
  auto const after = partner_at();
  CHECK(ask(token, id, key, "10.0.0.4") == Errc::bad_token);
  CHECK(partner_at() == after);
}

TEST_CASE("mirror: a partner's issuing key makes no snapshots in an honest agent's name") {
  PairOfServers w;
  TestAgent agent{w.planet}, forger{w.planet, "10.1.0.7"};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  w.planet.pass(5s);
  w.west->stop();  // somebody else speaks with its keys
  auto const& west = w.west->identity();
  forger.account = agent.account;
  forger.agent = agent.agent;
  forger.sequence = agent.sequence;
  forger.previous = agent.previous;
  forger.chain = {west.issuing().issue_agent(CertificateRequest::make(forger.key), agent.account, agent.agent, Validity::starting(w.planet.clock.wall(), 24h), w.planet.random),
                  west.issuing().certificate()};
  auto const made = forger.manifest(100);
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(west.id()), {}, {}};
  partner.who.certificate = west.chain()[0].der();
  auto const push = [&](std::string manifest, std::uint64_t sequence, Digest digest) {
    auto const work = [&](Peer& peer) -> task<void> {
      msg::OpenVault question;
      question.set_account(to_string(agent.account.view()));
      question.set_agent(to_string(agent.agent.view()));
      co_await peer.call<msg::VaultState>(Verb::open, question);
      msg::Receipt receipt;
      receipt.set_account(to_string(agent.account.view()));
      receipt.set_agent(to_string(agent.agent.view()));
      receipt.set_sequence(sequence);
      receipt.set_manifest_digest(to_string(digest.view()));
      receipt.set_server_id(to_string(west.id().view()));
      receipt.set_time_ns(w.planet.clock.wall().time_since_epoch().count());
      msg::Commit commit;
      commit.set_manifest(manifest);
      *commit.mutable_first_receipt() = wire::sign_receipt(receipt, west.signer());
      co_await peer.call<msg::Committed>(Verb::commit, commit);
    };
    return partner.with(*w.east, work);
  };
  CHECK(push(made, 2, forger.previous) == Errc::identity);
  CHECK(w.east->snapshots(agent.account, agent.agent).size() == 1);
  CHECK(push(agent.manifest(100), 2, agent.previous) == Errc{});  // the agent's own it may mirror
  CHECK(w.east->snapshots(agent.account, agent.agent).size() == 2);
}

TEST_CASE("mirror: slots for agents that nobody registered make no vaults") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.west->stop();
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(w.west->identity().id()), {}, {}};
  auto const work = [&](Peer& peer) -> task<void> {
    msg::SyncRegistry page;
    auto* slot = page.add_entry();
    slot->set_kind(kSlotEntry);
    slot->set_key(to_string(agent.account.view()) + to_string(w.planet.random.id<AgentId>().view()));
    slot->set_value("slot");
    co_await peer.call<msg::SyncRegistry>(Verb::registry, page);
  };
  CHECK(partner.with(*w.east, work) == Errc::unauthorised);
  CHECK(w.planet.run(w.east->server().vaults().list()).empty());
}

TEST_CASE("mirror: a partner leaves no more and no larger slots in a vault than its agent may") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  w.planet.pass(5s);
  w.west->stop();
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(w.west->identity().id()), {}, {}};
  int refusals = 0;
  auto const work = [&](Peer& peer) -> task<void> {
    for (int i = 0; i < 200; ++i) {
      msg::SyncRegistry page;
      auto* slot = page.add_entry();
      slot->set_kind(3);
      slot->set_key(to_string(agent.account.view()) + to_string(agent.agent.view()));
      slot->set_value("slot " + std::to_string(i));
      auto* large = page.add_entry();
      *large = *slot;
      large->set_value(std::string(5000, static_cast<char>(i)));
      try {
        co_await peer.call<msg::SyncRegistry>(Verb::registry, page);
      } catch (const wire::Refusal&) {
        ++refusals;
      }
    }
  };
  REQUIRE(partner.with(*w.east, work) == Errc{});
  CHECK(refusals == 200 - 16);  // of a day
  std::size_t slots = 0, longest = 0;
  auto const read = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    auto const known = co_await peer.call<msg::Slots>(Verb::slots, msg::GetSlots{});
    slots = static_cast<std::size_t>(known.slot_size());
    for (auto const& slot : known.slot()) longest = std::max(longest, slot.size());
  };
  REQUIRE(agent.client.with(*w.east, read) == Errc{});
  CHECK(slots == 16);
  CHECK(longest < 100);

  // Its agent has room all the same, and an operator takes away what harms.
  auto const add = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    msg::AddSlot question;
    question.set_slot("a new passphrase");
    co_await peer.call<msg::Done>(Verb::add_slot, question);
  };
  for (int day = 0; day < 3; ++day) {
    w.off_for(24h);
    REQUIRE(partner.with(*w.east, work) == Errc{});
  }
  CHECK(agent.client.with(*w.east, add) == Errc{});
  REQUIRE(agent.client.with(*w.east, read) == Errc{});
  CHECK(slots == 33);
  AsideOrders orders{w.east->disk(), "/data"};
  AsideOrder order;
  order.what = AsideOrder::What::key_slot;
  order.account = agent.account;
  order.agent = agent.agent;
  order.sequence = (std::uint64_t{1} << 63) + 1;
  order.reason = "brought by a thief";
  order.time_ns = w.planet.clock.wall().time_since_epoch().count();
  orders.place(order);
  w.planet.pass(10s);
  CHECK(orders.outcome(order).value_or("").find("none with this number") != std::string::npos);
}

TEST_CASE("mirror: key slots for which the partner has no room hold up no snapshots") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  w.planet.pass(30s);
  w.part();
  int next = 0;
  auto const add = [&](Peer& peer) -> task<void> {
    co_await TestAgent::open(peer);
    for (int i = 0; i < 16; ++i) {
      msg::AddSlot question;
      question.set_slot("slot " + std::to_string(next++));
      co_await peer.call<msg::Done>(Verb::add_slot, question);
    }
  };
  REQUIRE(agent.client.with(*w.east, add) == Errc{});
  w.off_for(24h);
  REQUIRE(agent.client.with(*w.east, add) == Errc{});
  REQUIRE(agent.run(*w.east, 200) == Errc{});
  w.heal();
  w.planet.pass(2min);
  CHECK(w.equal_and_protected(agent, 2));
}

TEST_CASE("mirror: a partner's key cannot make the honest server refuse its agent for ever, nor take it over") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  w.planet.pass(5s);
  w.west->stop();
  auto const& west = w.west->identity();
  auto evil = *w.east->registry().agent(agent.agent);
  evil.add_retired_key(evil.key(0));
  evil.clear_key();
  evil.add_key(std::string(32, 'm'));
  evil.set_version(60'000);
  evil.set_home(to_string(west.id().view()));
  msg::SyncRegistry page;
  auto* entry = page.add_entry();
  entry->set_kind(kAgentEntry);
  entry->set_key(evil.id());
  entry->set_value(evil.SerializeAsString());
  entry->set_version(evil.version());
  sign_entry(*entry, west, w.planet.clock.wall());
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(west.id()), {}, {}};
  REQUIRE(partner.with(*w.east, [&](Peer& peer) -> task<void> { co_await peer.call<msg::SyncRegistry>(Verb::registry, page); }) == Errc{});
  CHECK(w.east->registry().agent(agent.agent)->key_size() == 0);  // a denial counts…
  w.east->registry().set_revoked(agent.agent, false);             // …until an operator lifts it
  w.planet.pass(1s);
  CHECK(agent.run(*w.east, 300) == Errc{});
  TestAgent heir{w.planet, "10.1.0.2"};
  CHECK(heir.enrol(*w.east, w.east->token("acme", 1, agent.agent), agent.agent) == Errc{});
  CHECK(w.east->registry().agent(agent.agent)->key(0) == as_text(heir.key.public_key().view()));
}

TEST_CASE("mirror: rot in a server's registry is healed while both run, and holds no other agent up") {
  PairOfServers w;
  TestAgent agent{w.planet}, other{w.planet, "10.1.0.2"};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(other.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  auto const file = "/data/registry/agents/" + agent.agent.hex();
  auto bytes = *read_file(w.east->disk(), file, 1 << 20);
  bytes.at(bytes.size() / 2) ^= 1;
  w.part();
  w.planet.pass(30s);
  write_file_atomically(w.east->disk(), file, bytes);
  CHECK(agent.run(*w.east, 100) == Errc::damaged);
  --agent.sequence;
  agent.previous = Digest{};
  CHECK(other.run(*w.east, 200) == Errc{});
  CHECK(w.east->registry().damaged().size() == 1);
  w.heal();
  w.planet.pass(2min);
  CHECK(w.east->registry().damaged().empty());
  CHECK(agent.run(*w.east, 100) == Errc{});
  w.planet.pass(10s);
  CHECK(w.equal_and_protected(agent, 1));
  CHECK(w.equal_and_protected(other, 1));
}

TEST_CASE("mirror: a record that is lost while both run comes back within hours, and with it what the partner denies") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.west->registry().set_revoked(agent.agent, true);
  w.planet.pass(30s);
  REQUIRE(w.east->registry().agent(agent.agent)->revoked());
  w.east->disk().remove("/data/registry/agents/" + agent.agent.hex());
  w.planet.pass(2h);
  REQUIRE(w.east->registry().agent(agent.agent));
  CHECK(w.east->registry().agent(agent.agent)->revoked());
}

TEST_CASE("mirror: two snapshots with one number stay where they are and stop nobody else") {
  PairOfServers w;
  TestAgent agent{w.planet}, other{w.planet, "10.1.0.2"};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme", 2)) == Errc{});
  REQUIRE(other.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  make_fork(w, agent);
  REQUIRE(other.run(*w.east, 300) == Errc{});
  w.planet.pass(2min);
  CHECK(w.east->snapshots(agent.account, agent.agent).size() == 1);
  CHECK(w.west->snapshots(agent.account, agent.agent).size() == 1);
  CHECK(w.east->registry().mirror_state()->behind() == 1);
  CHECK(w.equal_and_protected(other, 1));
}

TEST_CASE("mirror: a fork that is known stays so while its vault cannot be looked at, and ends when it is over") {
  PairOfServers w;
  TestAgent agent{w.planet};
  w.east->stop();
  auto made = std::make_unique<SickStore>(w.planet.random.id<StoreId>(), "");
  auto& store = *made;
  w.east->use_store(std::move(made));
  w.east->start();
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  make_fork(w, agent);
  w.planet.pass(2min);
  auto const forked = [&] { return w.east->registry().mirror_state().value().forked_size(); };
  CHECK(forked() == 1);
  w.east->stop();
  store.sick = true;
  w.east->start();
  w.planet.pass(5min);
  auto const state = w.east->registry().mirror_state().value();
  CHECK(state.forked_size() == 1);
  CHECK(state.fork().find("in the place of number 1") != std::string::npos);

  w.east->stop();
  store.sick = false;
  w.east->start();
  CHECK(set_aside(w, *w.west, agent, 1, "of the image", 5min) == "done");
  CHECK(forked() == 0);
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: a partner that greets and then fails is asked once a minute, not twice a second") {
  PairOfServers w;
  for (auto* centre : {w.east.get(), w.west.get()}) {
    centre->stop();
    centre->settings().mirror.backoff = 15min;
  }
  w.west->start();
  w.east->start();
  w.planet.pass(1min);
  w.west->disk().set_full(true);
  w.east->registry().add_account("more", 0);
  w.planet.pass(10min);
  auto const before = w.planet.net.made();
  w.planet.pass(1h);
  CHECK(w.planet.net.made() - before <= 130);
  CHECK(w.planet.net.made() > before);
}

TEST_CASE("mirror: the partner's clock is heard from its hello, too") {
  PairOfServers w;
  w.west->stop();
  CHECK_FALSE(w.east->server().clock_guard().difference());
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(w.west->identity().id()), {}, {}};
  partner.who.certificate = w.west->identity().chain()[0].der();
  auto const greet = [&](Peer& peer) -> task<void> {
    msg::Hello question;
    question.set_version_min(1);
    question.set_version_max(1);
    auto const said = w.planet.clock.wall() + 2h;
    question.set_time_ns(said.time_since_epoch().count());
    co_await peer.call<msg::HelloReply>(Verb::hello, question);
  };
  REQUIRE(partner.with(*w.east, greet, false) == Errc{});
  REQUIRE(w.east->server().clock_guard().difference());
  CHECK(w.east->server().clock_guard().difference()->count() > 7000);
}

TEST_CASE("mirror: a vault that has failed for hours is tried again when the partner's has changed") {
  PairOfServers w;
  for (auto* centre : {w.east.get(), w.west.get()}) {
    centre->stop();
    centre->settings().mirror.backoff = 24h;
    centre->settings().mirror.interval = 10min;
  }
  w.west->start();
  w.east->start();
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme", 2)) == Errc{});
  w.planet.pass(1min);
  make_fork(w, agent);
  w.planet.pass(6h);
  CHECK(set_aside(w, *w.west, agent, 1, "of the image", 11min) == "done");
  CHECK(w.equal_and_protected(agent, 1));
}

TEST_CASE("mirror: what one side set aside does not come back, and the other side is told until it does the same") {
  PairOfServers w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme")) == Errc{});
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  REQUIRE(agent.run(*w.east, 200) == Errc{});
  w.planet.pass(30s);
  REQUIRE(w.equal_and_protected(agent, 2));
  CHECK(set_aside(w, *w.east, agent, 2, "made by a thief", 10s) == "done");
  CHECK(as_text(w.east->disk().content("/data/audit.log")).find("made by a thief") != std::string_view::npos);
  w.planet.pass(5min);
  CHECK(w.east->snapshots(agent.account, agent.agent).size() == 1);
  CHECK(w.west->snapshots(agent.account, agent.agent).size() == 2);
  CHECK(w.west->registry().mirror_state()->behind() == 1);
  CHECK(set_aside(w, *w.west, agent, 2, "made by a thief", 10s) == "done");
  w.planet.pass(5min);
  CHECK(w.west->registry().mirror_state()->behind() == 0);
  CHECK(w.equal_and_protected(agent, 1));
  CHECK(set_aside(w, *w.west, agent, 2, "made by a thief", 10s) == "done");  // the same once more is no error
}

TEST_CASE("mirror: a partner makes no vault, and keeps no slot, for an agent of whom nobody has heard") {
  PairOfServers w;
  Client partner{w.planet, "10.0.0.3", PeerIdentity::of_server(w.west->identity().id()), {}, {}};
  partner.who.certificate = w.west->identity().chain()[0].der();
  AccountId account;
  AgentId agent;
  account.bytes.fill(3);
  agent.bytes.fill(4);
  auto const slots = [&](Peer& peer) -> task<void> {
    msg::SyncRegistry page;
    auto* entry = page.add_entry();
    entry->set_kind(kSlotEntry);
    entry->set_key(to_string(account.view()) + to_string(agent.view()));
    entry->set_value("slot");
    co_await peer.call<msg::SyncRegistry>(Verb::registry, page);
  };
  CHECK(partner.with(*w.east, slots) == Errc::unauthorised);
  auto const open = [&](Peer& peer) -> task<void> {
    msg::OpenVault question;
    question.set_account(to_string(account.view()));
    question.set_agent(to_string(agent.view()));
    co_await peer.call<msg::VaultState>(Verb::open, question);
  };
  CHECK(partner.with(*w.east, open) == Errc::busy);
  auto const listed = w.planet.run(w.east->server().vaults().list());
  CHECK(listed.empty());
}
