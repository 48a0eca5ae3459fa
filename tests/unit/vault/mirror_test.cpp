#include <catch2/catch.hpp>

#include "unit/vault/serve_world.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

// Two data centres that were joined over the network, as administrators do it.
struct PairOfServers {
  Planet planet;
  std::unique_ptr<DataCentre> east = first_centre(planet, "10.0.0.2");
  std::unique_ptr<DataCentre> west;

  PairOfServers() {
    east->start();
    join();
    west->start();
    planet.pass(30s);
  }

  void join() {
    Registry::TokenOrder order;
    order.purpose = vault::pb::Token::INVITE;
    order.valid = 1h;
    auto const token = east->registry().create_token(order);
    auto draft = Identity::draft(planet.random);
    msg::Join question;
    question.set_invitation(to_string(token.view()));
    question.set_server_id(to_string(draft.id.view()));
    question.set_issuing_csr(to_string(CertificateRequest::make(draft.issuing_key).der()));
    question.set_name("west");
    question.add_address("10.0.0.3");
    msg::Joined answer;
    Client stranger{planet, "10.0.0.3", PeerIdentity{}, {}, {}};
    auto const work = [&](Peer& peer) -> task<void> { answer = co_await peer.call<msg::Joined>(Verb::join, question); };
    REQUIRE(stranger.with(*east, work) == Errc{});

    auto disk = std::make_unique<sim::SimDisk>();
    disk->make_folders("/data");
    Registry registry{*disk, planet.clock, planet.random, "/data/registry"};
    vault::pb::Partner partner;
    partner.set_server_id(answer.partner_id());
    partner.set_name(answer.partner_name());
    *partner.mutable_address() = answer.partner_address();
    registry.set_partner(partner);
    registry.set_directory(answer.directory().SerializeAsString());
    auto identity = Identity::create_joined(*disk, "/data", std::move(draft), "west", {*parse_address("10.0.0.3")},
                                            Certificate::from_der(as_bytes(answer.issuing_certificate())).value(),
                                            Certificate::from_der(as_bytes(answer.root())).value(), planet.clock.wall(), planet.random);
    west = std::make_unique<DataCentre>(planet, "10.0.0.3", std::move(identity), std::move(disk));
  }
  void part() { planet.net.partition(ip("10.0.0.2"), ip("10.0.0.3")); }
  void heal() { planet.net.heal(ip("10.0.0.2"), ip("10.0.0.3")); }

  /// Everything of this agent is on both sides, and both know it.
  bool equal_and_protected(const TestAgent& agent, std::size_t snapshots) {
    auto const a = east->snapshots(agent.account, agent.agent), b = west->snapshots(agent.account, agent.agent);
    auto const all = [](auto const& rows) { return std::all_of(rows.begin(), rows.end(), [](auto const& row) { return row.second; }); };
    return a == b && a.size() == snapshots && all(a) && all(b);
  }
};

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
  CHECK(tell(*w.east, "many", 256) == Errc{});
  CHECK(tell(*w.east, "too many", 257) == Errc::too_large);
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

TEST_CASE("mirror: one invitation joins one server, and a second server cannot use it") {
  PairOfServers w;
  Registry::TokenOrder order;
  order.purpose = vault::pb::Token::INVITE;
  order.valid = 1h;
  auto const token = to_string(w.east->registry().create_token(order).view());
  auto const ask = [&](const ServerId& id) {
    msg::Join question;
    question.set_invitation(token);
    question.set_server_id(to_string(id.view()));
    auto const key = SigningKey::generate(w.planet.random);
    question.set_issuing_csr(to_string(CertificateRequest::make(key).der()));
    question.set_name("third");
    question.add_address("10.0.0.4");
    Client stranger{w.planet, "10.0.0.4", PeerIdentity{}, {}, {}};
    return stranger.with(*w.east, [&](Peer& peer) -> task<void> { co_await peer.call<msg::Joined>(Verb::join, question); });
  };
  auto const id = w.planet.random.id<ServerId>();
  CHECK(ask(id) == Errc{});
  CHECK(ask(id) == Errc{});
  CHECK(ask(w.planet.random.id<ServerId>()) == Errc::bad_token);
}

TEST_CASE("mirror: two snapshots with one number stay where they are and stop nobody else") {
  PairOfServers w;
  TestAgent agent{w.planet}, other{w.planet, "10.1.0.2"};
  REQUIRE(agent.enrol(*w.east, w.east->token("acme", 2)) == Errc{});
  REQUIRE(other.enrol(*w.east, w.east->token("acme")) == Errc{});
  w.planet.pass(5s);
  w.part();
  REQUIRE(agent.run(*w.east, 100) == Errc{});
  agent.sequence = 0;  // an agent restored from an image: it starts again
  agent.previous = Digest{};
  REQUIRE(agent.run(*w.west, 200) == Errc{});
  REQUIRE(other.run(*w.east, 300) == Errc{});
  w.heal();
  w.planet.pass(2min);
  CHECK(w.east->snapshots(agent.account, agent.agent).size() == 1);
  CHECK(w.west->snapshots(agent.account, agent.agent).size() == 1);
  CHECK(w.east->registry().mirror_state()->behind() == 1);
  CHECK(w.equal_and_protected(other, 1));
}
