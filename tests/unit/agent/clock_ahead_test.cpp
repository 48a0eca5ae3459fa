// A clock that was far ahead once: what was written under it is neither waited for nor believed when the clock is right again.
#include <catch2/catch.hpp>

#include "agent/tls_servers.hpp"
#include "crypto/authority.hpp"
#include "sim_state.hpp"
#include "whole_machine.hpp"
#include "wire/signed_document.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {

constexpr auto kYears = 24h * 365 * 10;

struct ClockWorld : test::SimState {
  ServerChoice choice{state, clock, random};
};

// Nobody is reached.
struct DeadLine final : Line {
  task<std::unique_ptr<Stream>> dial(Endpoint to) override {
    dialled.push_back(to.text());
    throw failure(Errc::unreachable, "connecting to " + to.text());
  }
  void set_max_segment(std::optional<int>) override {}
  LineSymptom symptom() const override { return LineSymptom::none; }
  std::string network(const Endpoint&) const override { return {}; }
  std::vector<std::string> dialled;
};

// Whoever asks for the time lets a minute pass.
struct MinuteTimers final : Timers {
  task<void> sleep(std::chrono::nanoseconds) override { co_return; }
  SteadyTime now() const override { return SteadyTime{} + std::chrono::minutes(++asked); }
  mutable int asked = 0;
};

}  // namespace

TEST_CASE("clock ahead: an address that worked under it is not remembered before those that work now") {
  ClockWorld w;
  w.clock.set_skew(kYears);
  w.choice.worked("192.0.2.200");
  w.clock.set_skew({});
  for (int i = 0; i < 300; ++i) {
    w.choice.worked("198.51.100." + std::to_string(i));
    w.pass(1s);
  }
  const auto known = w.state.endpoints();
  CHECK(known.endpoint_size() == 256);
  CHECK(std::none_of(known.endpoint().begin(), known.endpoint().end(), [](auto& e) { return e.address() == "192.0.2.200"; }));
}

TEST_CASE("clock ahead: an address that worked under it is proved no longer, and one that worked before a small step back is") {
  ClockWorld w;
  const std::vector<ServerTarget> line{{ServerId{}, "new", "198.51.100.1"}, {ServerId{}, "old", "192.0.2.1"}};
  const auto first = [&] { return known_ones_first(w.state, w.clock, line).front().name; };
  w.choice.worked("192.0.2.1");
  CHECK(first() == "old");
  w.clock.set_skew(-1min);
  CHECK(first() == "old");
  w.clock.set_skew(-kYears);
  CHECK(first() == "new");
}

TEST_CASE("clock ahead: servers that worked under it do not keep the registration pair from being asked a day after the last one was reached") {
  ClockWorld w;
  DeadLine line;
  const Authority root = Authority::make_root(SigningKey::generate(w.random), w.clock.wall(), w.random);
  AgentCredentials keys{w.random.id<AccountId>(), w.random.id<AgentId>(), "a", SigningKey::generate(w.random), {}};
  keys.chain = {root.issue_agent(CertificateRequest::make(keys.signing), keys.account, keys.agent, Validity::starting(w.clock.wall(), 24h * 365), w.random)};
  wire::pb::Directory d;
  d.set_serial(1);
  d.add_pair()->mutable_primary()->set_server_id(w.random.id<ServerId>().raw());
  d.mutable_pair(0)->mutable_primary()->add_address("192.0.2.1:16384");
  wire::pb::SignedDirectory document;
  document.set_directory(d.SerializeAsString());
  w.state.set_directory(as_bytes(document.SerializeAsString()));
  TlsServersOptions options;
  options.registration = {"192.0.2.7:16384"};
  TlsServers servers(w.state, keys, root.certificate(), line, w.timers, w.clock, std::move(options));
  const auto asks = [&] {
    line.dialled.clear();
    CHECK_FALSE(sim::run(w.io, w.timers, servers.look_further()));
    return !line.dialled.empty();
  };

  w.pass(48h);
  w.clock.set_skew(kYears);
  w.choice.worked("192.0.2.1:16384");
  CHECK_FALSE(asks());
  w.clock.set_skew({});
  CHECK(asks());
  CHECK_FALSE(asks());  // again after an hour
  w.pass(1h);
  CHECK(asks());
  w.choice.worked("192.0.2.1:16384");
  w.pass(23h);
  CHECK_FALSE(asks());
  w.pass(1h);
  CHECK(asks());
}

TEST_CASE("clock ahead: a rest, and what was learnt of segments, are not kept until that time") {
  ClockWorld w;
  const std::vector<ServerTarget> pair{{ServerId{}, "primary", "192.0.2.1"}, {ServerId{}, "alternate", "192.0.2.2"}};
  LearntSegments learnt{w.state, w.clock};
  w.clock.set_skew(kYears);
  w.choice.failed("192.0.2.1", "silence");
  learnt.learn("10.0.0.7", "192.0.2.1", 536);
  CHECK(w.choice.order(pair).front().name == "alternate");
  CHECK(learnt.segment("10.0.0.7", "192.0.2.1") == 536);
  w.clock.set_skew(kYears - 1min);  // a small step back ends neither
  CHECK(w.choice.order(pair).front().name == "alternate");
  CHECK(learnt.segment("10.0.0.7", "192.0.2.1") == 536);
  w.clock.set_skew({});
  CHECK(w.choice.order(pair).front().name == "primary");
  CHECK_FALSE(learnt.segment("10.0.0.7", "192.0.2.1"));
}

TEST_CASE("clock ahead: how long a run took is told by the clock that nobody sets") {
  test::Machine m;
  MinuteTimers timers;
  m.passing = &timers;
  m.write("a", "1");
  m.backup();
  const auto took = m.state->job("main").took_ns();
  CHECK(took > 0);
  CHECK(took % std::chrono::nanoseconds(1min).count() == 0);
}
