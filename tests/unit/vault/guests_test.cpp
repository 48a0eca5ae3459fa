#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <list>

#include "unit/vault/serve_world.hpp"

// What a connection may cost (PROTOCOL.md §6), seen from outside.
using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;

namespace {

struct OneServer {
  Planet planet;
  std::unique_ptr<DataCentre> centre = first_centre(planet, "10.0.0.2");
  explicit OneServer(std::size_t max_agents = 4096) {
    centre->settings().max_agents = max_agents;
    centre->start();
  }
};

/// A connection that stays open until the server ends it, or this dies.
class Held {
 public:
  Held(OneServer& w, const char* from, const PeerIdentity& who) : w_(w) {
    sim::SimDialer dialer{w.planet.net, ip(from), who};
    ExpectedServer const server{w.centre->identity().id()};
    peer_ = std::make_unique<Peer>(w.planet.timers, w.planet.run(dialer.connect(w.centre->at(), server)));
    asio::co_spawn(w.planet.io, live(), [this](const std::exception_ptr&) { over_ = true; });
  }
  ~Held() {
    w_.planet.run(peer_->bye());
    sim::run_until(w_.planet.io, w_.planet.timers, [this] { return over_; });
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  void hello() { w_.planet.run(Client::hello(*peer_)); }
  void ask_something() { w_.planet.run(ask()); }
  bool over() const { return over_; }

 private:
  task<void> live() {
    try {
      co_await peer_->run();
    } catch (const failure&) {
    }
  }
  task<void> ask() { co_await peer_->call<msg::SignedDirectory>(Verb::directory, msg::GetDirectory{}); }

  OneServer& w_;
  std::unique_ptr<Peer> peer_;
  bool over_ = false;
};

task<void> nothing(Peer&) { co_return; }

}  // namespace

TEST_CASE("guests: who says no hello is ended after fifteen seconds, agent or not") {
  OneServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  Held stranger{w, "10.1.0.9", PeerIdentity{}}, mute{w, "10.1.0.1", agent.client.who}, good{w, "10.1.0.1", agent.client.who};
  good.hello();
  w.planet.pass(14s);
  CHECK_FALSE(stranger.over());
  CHECK_FALSE(mute.over());
  w.planet.pass(2s);
  CHECK(stranger.over());
  CHECK(mute.over());
  w.planet.pass(10min);
  CHECK_FALSE(good.over());
  CHECK(w.centre->server().turned_away().late == 2);
}

TEST_CASE("guests: without a certificate a connection lasts a minute, whatever it does") {
  OneServer w;
  Held stranger{w, "10.1.0.9", PeerIdentity{}};
  stranger.hello();
  w.planet.pass(50s);
  CHECK_FALSE(stranger.over());
  w.planet.pass(20s);
  CHECK(stranger.over());
  CHECK(w.centre->server().sessions() == 0);
}

TEST_CASE("guests: a fifth connection of one agent ends the one that has been silent for longest") {
  OneServer w;
  TestAgent agent{w.planet}, other{w.planet, "10.1.0.2"};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(other.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  Held theirs{w, "10.1.0.2", other.client.who};
  theirs.hello();
  std::list<Held> mine;
  for (int i = 0; i < 4; ++i) {
    mine.emplace_back(w, "10.1.0.1", agent.client.who);
    mine.back().hello();
    w.planet.pass(1s);
  }
  mine.front().ask_something();
  w.planet.pass(1s);
  mine.emplace_back(w, "10.1.0.1", agent.client.who);
  mine.back().hello();
  w.planet.pass(1s);
  std::vector<bool> over;
  for (auto const& one : mine) over.push_back(one.over());
  CHECK(over == std::vector<bool>{false, true, false, false, false});
  CHECK_FALSE(theirs.over());
  CHECK(w.centre->server().turned_away().surplus == 1);
}

TEST_CASE("guests: beyond the places for agents one is told so and when to come again; strangers have places of their own") {
  OneServer w{1};
  TestAgent first{w.planet}, second{w.planet, "10.1.0.2"}, third{w.planet, "10.1.0.3"};
  REQUIRE(first.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  REQUIRE(second.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  {
    Held inside{w, "10.1.0.1", first.client.who};
    inside.hello();
    CHECK(second.client.with(*w.centre, &nothing) == Errc::busy);
    CHECK(second.client.retry_after == 30s);
    CHECK(second.client.failed_text.find("max_connections") != std::string::npos);
    CHECK(third.enrol(*w.centre, w.centre->token("acme")) == Errc{});
    CHECK_FALSE(inside.over());
  }
  w.planet.pass(1s);
  CHECK(second.client.with(*w.centre, &nothing) == Errc{});
  CHECK(w.centre->server().turned_away().full == 1);
}

TEST_CASE("guests: strangers compete among themselves, and an agent comes in as if they were not there") {
  OneServer w;
  TestAgent agent{w.planet}, late{w.planet, "10.2.0.1"};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  std::list<Held> strangers;
  for (std::size_t i = 0; i < limits::kStrangerPlaces + 40; ++i) strangers.emplace_back(w, "10.1.0.9", PeerIdentity{});
  w.planet.pass(100ms);
  CHECK(w.centre->server().sessions() == limits::kStrangerPlaces);
  CHECK(w.centre->server().turned_away().strangers == 40);
  CHECK(agent.run(*w.centre, 1000) == Errc{});
  CHECK(late.enrol(*w.centre, w.centre->token("acme")) == Errc{});  // from another network: one of the crowd gives way
}

TEST_CASE("guests: agents that no registry knows take no agent's place, nor a stranger's, nor those of the agent whose name they use") {
  OneServer w{2};
  TestAgent agent{w.planet}, late{w.planet, "10.2.0.1"};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  std::list<Held> honest;
  honest.emplace_back(w, "10.1.0.1", agent.client.who);
  honest.back().hello();
  std::list<Held> invented, named;
  for (std::size_t i = 0; i < limits::kUnknownPlaces + 40; ++i)
    invented.emplace_back(w, "10.3.0.1", PeerIdentity::of_agent(agent.account, w.planet.random.id<AgentId>()));
  auto same_name = agent.client.who;
  same_name.certificate.clear();
  for (int i = 0; i < 6; ++i) named.emplace_back(w, "10.3.0.1", same_name);
  w.planet.pass(100ms);
  CHECK(w.centre->server().sessions() == limits::kUnknownPlaces + 1);
  CHECK_FALSE(honest.front().over());
  Held stranger{w, "10.2.0.1", PeerIdentity{}};
  CHECK(agent.run(*w.centre, 1000) == Errc{});
  CHECK(late.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  CHECK_FALSE(stranger.over());
  CHECK(w.centre->server().turned_away().full == 0);
  CHECK(w.centre->server().turned_away().surplus == 0);
  w.planet.pass(16s);
  CHECK(w.centre->server().sessions() == 1);
  CHECK_FALSE(honest.front().over());
}

TEST_CASE("guests: before hello only a ping has a body, afterwards only put and ping have one") {
  OneServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const ping = [](Peer& peer, std::size_t size) -> task<void> { co_await peer.ask(Verb::ping, "", Buffer(size)); };
  CHECK(agent.client.with(*w.centre, [&](Peer& p) { return ping(p, limits::kMaxPingBody); }, false) == Errc{});
  CHECK(agent.client.with(*w.centre, [&](Peer& p) { return ping(p, limits::kMaxPingBody + 1); }, false) == Errc::too_large);
  CHECK(agent.client.with(*w.centre, [&](Peer& p) { return ping(p, limits::kMaxPingBody); }) == Errc{});
  CHECK(agent.client.with(*w.centre, [](Peer& p) -> task<void> { co_await p.ask(Verb::directory, "", Buffer(1)); }) == Errc::too_large);
  Client stranger{w.planet, "10.1.0.9", PeerIdentity{}, {}, {}};
  CHECK(stranger.with(*w.centre, [](Peer& p) -> task<void> { co_await p.ask(Verb::register_agent, std::string(17000, 'x')); }) != Errc{});
  CHECK(w.centre->server().turned_away().breaches == 3);
}

TEST_CASE("guests: a thousand reports and serials cost the disk what eight of each cost, and the newest are not lost") {
  OneServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto const flood = [&](Peer& peer) -> task<void> {
    for (std::uint64_t i = 1; i <= 500; ++i) {
      msg::Report report;
      report.set_time_ns(static_cast<std::int64_t>(i));
      co_await peer.call<msg::Done>(Verb::report, report);
      msg::GetDirectory question;
      question.set_serial(i);
      co_await peer.call<msg::SignedDirectory>(Verb::directory, question);
    }
  };
  REQUIRE(agent.client.with(*w.centre, &nothing) == Errc{});
  auto const before = w.centre->disk().operations();
  REQUIRE(agent.client.with(*w.centre, flood) == Errc{});
  CHECK(w.centre->disk().operations() - before < 160);
  w.planet.pass(2min);
  auto& files = w.centre->registry();  // another process would see what is written
  CHECK(files.seen(agent.agent)->directory_serial() == 500);
  auto const report = wire::parse_message<msg::Report>(files.told(agent.agent)->report());
  REQUIRE(report.has_value());
  CHECK(report->time_ns() == 500);
}

TEST_CASE("guests: the reports of a machine that is worked on are written, and mirrored, at once") {
  OneServer w;
  TestAgent agent{w.planet};
  REQUIRE(agent.enrol(*w.centre, w.centre->token("acme")) == Errc{});
  auto& registry = w.centre->registry();
  for (int i = 0; i < 8; ++i) CHECK(registry.set_told(agent.agent, "report"));
  CHECK_FALSE(registry.set_told(agent.agent, "report"));
  w.planet.pass(1min);
  CHECK(registry.set_told(agent.agent, "report"));
  CHECK_FALSE(registry.set_told(agent.agent, "report"));
}
