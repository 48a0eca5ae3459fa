// A proxy's refusal of a login is remembered for all that connects, so that no account is locked.
#include "agent/refused_logins.hpp"

#include <catch2/catch.hpp>

#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "crypto/random.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

struct Memory {
  // Another process, or the next one.
  struct Process {
    explicit Process(Memory& m) : state(m.disk, "/state"), logins(state, m.clock, m.random) {}
    AgentState state;
    RefusedLogins logins;
  };
  Memory() {
    login.user = "u";
    login.password = SecretText("old");
    clock.set_skew(24h * 365 * 50);
  }
  bool objects(const std::string& proxy = "p:3128") {
    Process other(*this);
    return other.logins.objection(proxy, login).has_value();
  }
  void pass(std::chrono::nanoseconds time) { clock.set_skew(skew += time); }

  std::chrono::nanoseconds skew{24h * 365 * 50};
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  sim::SimDisk disk;
  SystemRandom random;
  ProxyLogin login;
};

}  // namespace

TEST_CASE("refused logins: what one process was refused no other tries, at first for half an hour, then for longer, four hours at most") {
  Memory m;
  Memory::Process daemon(m);
  CHECK_FALSE(m.objects());
  for (const auto pause : {30min, 60min, 120min, 240min, 240min}) {
    daemon.logins.refused("p:3128", m.login);
    CHECK(m.objects());
    m.pass(pause - 1min);
    CHECK(m.objects());
    m.pass(1min);
    CHECK_FALSE(m.objects());
  }
}

TEST_CASE("refused logins: another password, user or proxy is tried at once; what was accepted is not remembered") {
  Memory m;
  Memory::Process daemon(m);
  daemon.logins.refused("p:3128", m.login);
  CHECK_THAT(*daemon.logins.objection("p:3128", m.login), Contains("not tried again before") && Contains("farkeep doctor") && !Contains("old"));
  CHECK_FALSE(m.objects("q:3128"));
  m.login.user = "v";
  CHECK_FALSE(m.objects());
  m.login.user = "u";
  m.login.password = SecretText("new");
  CHECK_FALSE(m.objects());
  m.login.password = SecretText("old");
  CHECK(m.objects());
  daemon.logins.accepted("p:3128", m.login);
  CHECK_FALSE(m.objects());
}

TEST_CASE("refused logins: whoever asks for it has the login tried once, and a clock that was wrong holds nobody up") {
  Memory m;
  Memory::Process daemon(m);
  daemon.logins.refused("p:3128", m.login);
  daemon.logins.forget_time();
  CHECK_FALSE(m.objects());
  daemon.logins.refused("p:3128", m.login);
  m.pass(45min);
  CHECK(m.objects());  // for an hour by now
  m.pass(-24h * 60);
  CHECK_FALSE(m.objects());
}
