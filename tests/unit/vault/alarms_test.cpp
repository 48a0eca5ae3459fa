// What people hear from a server of its agents' overdue jobs, how often, and from which server of a pair.
#include "vault/alarms.hpp"

#include <catch2/catch.hpp>

#include "sim/sim_disk.hpp"
#include "unit/vault/fake_clock.hpp"
#include "unit/vault/two_identities.hpp"
#include "vault/registry_sync.hpp"
#include "wire/wire.pb.h"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;
using Event = Notice::Event;

namespace {

std::int64_t ns_of(WallTime t) { return t.time_since_epoch().count(); }

// One server of a pair, as far as alarms know it.  It has run for an hour when a test begins.
struct Centre {
  Centre(FakeClock& c, bool is_primary) : clock(c), registry(disk, c, random, "/registry"), primary(is_primary) { start(); }
  void start() { alarms.emplace(registry, clock, [this] { return primary; }); }

  // What the agent tells here: each job, and when it is overdue.
  void report(const vault::pb::Agent& agent, std::vector<std::pair<std::string, std::chrono::nanoseconds>> jobs) {
    wire::pb::Report r;
    r.set_time_ns(ns_of(clock.wall()));
    r.set_other_machine(other_machine);
    r.set_name(called);
    for (auto& [name, overdue_in] : jobs) {
      auto* job = r.add_job();
      job->set_name(name);
      job->set_last_good_ns(ns_of(clock.wall()));
      job->set_overdue_ns(ns_of(clock.wall() + overdue_in));
    }
    registry.set_told(AgentId::from(agent.id()).value(), r.SerializeAsString());
  }
  // What comes of looks every minute for so long, as "overdue:main recovered:".
  std::string pass(std::chrono::nanoseconds time) {
    std::string out;
    for (; time > 0s; time -= 1min) {
      clock.pass(std::min<std::chrono::nanoseconds>(time, 1min));
      out += (out.empty() ? "" : " ") + look();
      if (out == " ") out.clear();
    }
    while (out.ends_with(' ')) out.pop_back();
    return out;
  }
  std::string look(bool anybody = true) {
    std::string out;
    for (auto& notice : alarms->look(anybody)) {
      CHECK(notice.to_people);
      out += std::string(out.empty() ? "" : " ") + name_of(notice.event) + ":" + notice.job;
      last = std::move(notice);
    }
    return out;
  }
  void mirror(std::string problem, std::chrono::nanoseconds ago) {
    vault::pb::MirrorState state;
    state.set_problem(std::move(problem));
    state.set_contact_ns(ns_of(clock.wall() - ago));
    registry.set_mirror_state(state);
  }

  FakeClock& clock;
  std::uint64_t other_machine = 0;  // what agents tell of it
  std::string called;               // and as what
  sim::SimDisk disk;
  SystemRandom random;
  Registry registry;
  bool primary;
  std::optional<Alarms> alarms;
  Notice last{};
};

struct AlarmWorld {
  FakeClock clock;
  Centre east{clock, true};
  std::string token;

  AlarmWorld() {
    token = token_of("acme");
    CHECK(east.pass(1h).empty());
  }
  std::string token_of(const std::string& account) {
    Registry::TokenOrder order;
    order.account = AccountId::from(east.registry.add_account(account, 0).id()).value();
    order.uses = 100;
    order.valid = 10000h;
    return to_string(east.registry.create_token(order).view());
  }
  vault::pb::Agent agent(const std::string& name) { return agent(name, token); }
  vault::pb::Agent agent(const std::string& name, const std::string& with) {
    Registry::Enrolment e;
    e.token = with;
    e.name = name;
    e.key = std::string(32, static_cast<char>(++keys));
    return east.registry.enrol(e);
  }
  int keys = 0;
};

// What the mirror does at once: each has what the other knows.
void exchange(Registry& a, Registry& b) {
  for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    ToldEntries none;
    RegistryPages pages{*from, none};
    while (auto const page = pages.next()) merge_page(*to, *page);
  }
}

struct AlarmPair : AlarmWorld {
  TwoIdentities ids{clock.wall()};
  Centre west{clock, false};

  AlarmPair() {
    vault::pb::Partner partner;
    partner.set_name("the other");
    for (auto [centre, self, other] : {std::tuple{&east, &ids.east, &ids.west}, std::tuple{&west, &ids.west, &ids.east}}) {
      centre->registry.sign_as(*self);
      partner.set_server_id(to_string(other->id().view()));
      centre->registry.set_partner(partner);
      centre->registry.adopt(centre->registry.to_adopt(), self->id());
    }
    exchange(east.registry, west.registry);
    pass(1h);
  }
  // Both run, and the mirror with them.
  std::string pass(std::chrono::nanoseconds time) {
    std::string out;
    for (; time > 0s; time -= 1min) {
      clock.pass(1min);
      for (auto* centre : {&east, &west}) {
        centre->mirror("", 0s);
        auto const told = centre->look();
        if (!told.empty()) out += (out.empty() ? "" : " ") + std::string(centre == &east ? "east " : "west ") + told;
        exchange(east.registry, west.registry);
      }
    }
    return out;
  }
  // Only the west runs.
  std::string east_is_down(std::chrono::nanoseconds time) {
    std::string out;
    auto const since = clock.wall();
    for (; time > 0s; time -= 1min) {
      clock.pass(1min);
      west.mirror("connecting: refused", clock.wall() - since);
      auto const told = west.look();
      if (!told.empty()) out += (out.empty() ? "" : " ") + told;
    }
    return out;
  }
};

}  // namespace

TEST_CASE("alarms: overdue is told to the minute and once, recovered once; a restart repeats neither") {
  AlarmWorld w;
  auto const web = w.agent("web");
  w.east.report(web, {{"main", 2h}});
  CHECK(w.east.pass(2h - 1s).empty());
  w.clock.pass(1s);
  CHECK(w.east.look() == "overdue:main");
  CHECK_THAT(w.east.last.text, Contains("agent web (account acme) is overdue with main (last good snapshot: 20") && Contains("it last told of its jobs at 20"));
  CHECK(w.east.last.agents == std::vector<std::string>{"web"});
  CHECK(w.east.pass(1h).empty());
  w.east.start();
  CHECK(w.east.pass(1h).empty());
  w.east.report(web, {{"main", 5h}});
  CHECK(w.east.look() == "recovered:main");
  CHECK_THAT(w.east.last.text, Contains("agent web (account acme) is well again with main (last good snapshot: 20"));
  w.east.start();
  CHECK(w.east.pass(4h).empty());
  CHECK(w.east.pass(1h) == "overdue:main");
}

TEST_CASE("alarms: each job of an agent counts by itself, and one that is gone is not called well") {
  AlarmWorld w;
  auto const web = w.agent("web");
  w.east.report(web, {{"db", 1h}, {"main", 2h}});
  CHECK(w.east.pass(1h) == "overdue:db");
  CHECK(w.east.pass(1h) == "overdue:main");
  w.east.report(web, {{"main", -1h}});
  CHECK(w.east.pass(1min) == "recovered:db");
  CHECK_THAT(w.east.last.text, Contains("db (no job of it any more)"));
  CHECK(w.east.pass(1h).empty());
}

TEST_CASE("alarms: two jobs that an agent calls by one name are overdue together, and do not flap") {
  AlarmWorld w;
  auto const web = w.agent("web");
  w.east.report(web, {{"main", 1h}, {"main", 100h}});
  CHECK(w.east.pass(3h) == "overdue:main");
  w.east.report(web, {{"main", 90h}, {"main", 100h}});
  CHECK(w.east.pass(3h) == "recovered:main");
}

TEST_CASE("alarms: many at one time are one notice that names twenty and counts the rest") {
  AlarmWorld w;
  for (int i = 0; i < 23; ++i) w.east.report(w.agent("web" + std::to_string(100 + i)), {{"a", 1h}, {"b", 1h}, {"c", 1h}, {"d", 1h}});
  CHECK(w.east.pass(1h) == "overdue:");
  CHECK_THAT(w.east.last.text, Catch::StartsWith("23 agents are overdue: web1") && Contains(" (a, b, c and 1 more)") && Contains(" and 3 more (see: "));
  CHECK(w.east.last.agents.size() == kMostNamed);
  CHECK(w.east.pass(1h).empty());
}

TEST_CASE("alarms: agents that fall ill and recover all day keep no other one's name out of the text") {
  AlarmWorld w;
  std::vector<vault::pb::Agent> restless;
  for (int i = 0; i < 40; ++i) restless.push_back(w.agent("a" + std::to_string(i)));
  auto const quiet = w.agent("quiet one");
  w.east.report(quiet, {{"main", 3h}});
  for (auto const& one : restless) w.east.report(one, {{"main", 1h}});
  CHECK(w.east.pass(61min) == "overdue:");
  for (auto const& one : restless) w.east.report(one, {{"main", 119min}});
  CHECK(w.east.pass(20min) == "recovered:");
  CHECK(w.east.pass(100min) == "overdue:");
  CHECK_THAT(w.east.last.text, Contains("41 agents are overdue: quiet one (main), "));
}

TEST_CASE("alarms: an account full of agents keeps no other one's agent out of the text") {
  AlarmWorld w;
  for (int i = 0; i < 40; ++i) w.east.report(w.agent("a" + std::to_string(i)), {{"main", 1h}});
  w.east.report(w.agent("theirs", w.token_of("other")), {{"main", 1h}});
  CHECK(w.east.pass(61min) == "overdue:");
  CHECK_THAT(w.east.last.text, Contains("theirs (main)"));
}

TEST_CASE("alarms: names of agents' own choice make no text longer than a few kilobytes") {
  AlarmWorld w;
  for (int i = 0; i < 5; ++i) {
    std::vector<std::pair<std::string, std::chrono::nanoseconds>> jobs;
    for (int j = 0; j < 200; ++j) jobs.push_back({std::string(190, 'x') + std::to_string(j), 1h});
    w.east.report(w.agent("agent " + std::to_string(i)), jobs);
  }
  CHECK(w.east.pass(1h) == "overdue:");
  CHECK(w.east.last.text.size() < 4000);
  for (auto const& id : w.east.registry.ids(kAlarmEntry))
    CHECK(static_cast<std::size_t>(w.east.registry.alarm(AgentId::from(id).value())->job_size()) == Alarms::kMostJobs);
  CHECK(w.east.pass(1h).empty());
}

TEST_CASE("alarms: what trickles in is gathered for ten minutes") {
  AlarmWorld w;
  for (int i = 0; i < 9; ++i) w.east.report(w.agent("web" + std::to_string(i)), {{"main", 1h + i * 1min}});
  CHECK(w.east.pass(69min) == "overdue:main");
  CHECK(w.east.pass(1min) == "overdue:");
  CHECK_THAT(w.east.last.text, Catch::StartsWith("8 agents are overdue: "));
}

TEST_CASE("alarms: while there is nobody to tell nothing counts as told") {
  AlarmWorld w;
  w.east.report(w.agent("web"), {{"main", 1h}});
  for (int i = 0; i < 120; ++i) {
    w.clock.pass(1min);
    CHECK(w.east.look(false).empty());
  }
  CHECK(w.east.look() == "overdue:main");
}

TEST_CASE("alarms: a revoked agent alarms nobody, and its end is not told as a recovery") {
  AlarmWorld w;
  auto const web = w.agent("web"), old = w.agent("old");
  for (auto const& agent : {web, old}) w.east.report(agent, {{"main", 1h}});
  w.east.registry.set_revoked(AgentId::from(old.id()).value(), true);
  CHECK(w.east.pass(2h) == "overdue:main");
  CHECK(w.east.last.agents == std::vector<std::string>{"web"});
  w.east.registry.set_revoked(AgentId::from(web.id()).value(), true);
  CHECK(w.east.pass(2h).empty());
  w.east.registry.set_revoked(AgentId::from(web.id()).value(), false);
  CHECK(w.east.pass(1min) == "overdue:main");
}

TEST_CASE("alarms: after an outage nobody is late for as long as it was; who is well again is told at once") {
  AlarmWorld w;
  auto const web = w.agent("web"), late = w.agent("late");
  w.east.report(web, {{"main", 1h}});
  CHECK(w.east.pass(1h) == "overdue:main");
  w.east.report(late, {{"main", 1h}});
  w.clock.pass(8h);
  CHECK(w.east.look().empty());
  w.east.start();
  w.east.report(web, {{"main", 100h}});
  CHECK(w.east.pass(1min) == "recovered:main");
  CHECK(w.east.pass(8h - 2min).empty());
  CHECK(w.east.pass(1min) == "overdue:main");
  CHECK(w.east.last.agents == std::vector<std::string>{"late"});
}

TEST_CASE("alarms: an agent that comes back after the outage in time is never called late") {
  AlarmWorld w;
  auto const web = w.agent("web");
  w.east.report(web, {{"main", 1h}});
  w.clock.pass(30h);
  CHECK(w.east.pass(20h).empty());
  w.east.report(web, {{"main", 100h}});
  CHECK(w.east.pass(50h).empty());
}

TEST_CASE("alarms: the quiet after an outage has an end and a least, a short restart needs none, and a clock that was wrong keeps nobody quiet for years") {
  AlarmWorld w;
  w.east.report(w.agent("long"), {{"main", 1h}});
  w.clock.pass(1000h);
  CHECK(w.east.look().empty());
  CHECK(w.east.pass(24h - 1min).empty());
  CHECK(w.east.pass(1min) == "overdue:main");
  w.east.report(w.agent("least"), {{"main", 1min}});
  w.clock.pass(11min);
  CHECK(w.east.look().empty());
  CHECK(w.east.pass(14min).empty());
  CHECK(w.east.pass(1min) == "overdue:main");
  w.east.report(w.agent("short"), {{"main", 1min}});
  w.clock.pass(Alarms::kOutage);
  CHECK(w.east.look() == "overdue:main");
  vault::pb::AlarmWatch wrong;
  wrong.set_looked_ns(ns_of(w.clock.wall() + 100000h));
  wrong.set_quiet_until_ns(ns_of(w.clock.wall() + 100000h));
  w.east.registry.change_alarm_watch([&](vault::pb::AlarmWatch& watch) { watch = wrong; });
  w.east.report(w.agent("wrong"), {{"main", 1min}});
  CHECK(w.east.pass(24h).empty());
  CHECK(w.east.pass(1min) == "overdue:main");
}

TEST_CASE("alarms: a pair tells once, by its primary") {
  AlarmPair p;
  auto const web = p.agent("web");
  p.east.report(web, {{"main", 1h}});
  CHECK(p.pass(3h) == "east overdue:main");
  p.west.report(web, {{"main", 2h}});
  CHECK(p.pass(1h) == "east recovered:main");
}

TEST_CASE("alarms: the alternate tells when it has missed the primary for half an hour, and does not repeat what that one told") {
  AlarmPair p;
  auto const known = p.agent("known"), web = p.agent("web");
  p.east.report(known, {{"main", 1h}});
  p.east.report(web, {{"main", 2h}});
  CHECK(p.pass(90min) == "east overdue:main");
  CHECK(p.east_is_down(30min - 1min).empty());
  CHECK(p.east_is_down(1min).empty());
  p.west.mirror("connecting: refused", 31min);
  CHECK(p.west.look() == "overdue:main");
  CHECK_THAT(p.west.last.text, Contains("agent web (") && Contains("the partner has not answered for 30 minutes or more"));
  p.west.report(known, {{"main", 100h}});
  p.west.mirror("connecting: refused", 40min);
  CHECK(p.west.look() == "recovered:main");

  // And the primary, back again, repeats nothing either; what happens from now on it tells again.
  exchange(p.east.registry, p.west.registry);
  CHECK(p.pass(24h).empty());
  p.west.report(web, {{"main", 100h}});
  CHECK(p.pass(1h) == "east recovered:main");
}

TEST_CASE("alarms: vaults that lag behind are no partner that is away") {
  AlarmPair p;
  p.east.report(p.agent("web"), {{"main", 1h}});
  exchange(p.east.registry, p.west.registry);
  p.clock.pass(5min);
  for (int i = 0; i < 120; ++i) {
    p.clock.pass(1min);
    p.west.mirror("some vaults could not be mirrored; the log says why", 1min);
    CHECK(p.west.look().empty());
  }
}

TEST_CASE("alarms: of two records the one changed later stays on both sides, also when the clocks differ") {
  AlarmPair p;
  auto const web = p.agent("web");
  p.east.report(web, {{"main", 1h}});
  p.pass(1h);
  auto const id = AgentId::from(web.id()).value();
  auto ahead = p.east.registry.alarm(id).value();
  ahead.set_changed_ns(ns_of(p.clock.wall() + 5h));
  p.east.registry.set_alarms({ahead});
  exchange(p.east.registry, p.west.registry);
  p.west.report(web, {{"main", 100h}});
  CHECK(p.pass(1min) == "");
  CHECK(p.pass(10min) == "east recovered:main");
  CHECK(p.west.registry.alarm(id)->job_size() == 0);
  CHECK(p.west.registry.alarm(id)->SerializeAsString() == p.east.registry.alarm(id)->SerializeAsString());
}

TEST_CASE("alarms: that two machines work as one agent is told once, by one server of the pair, and again after it was over") {
  AlarmPair p;
  auto const web = p.agent("web7");
  exchange(p.east.registry, p.west.registry);
  p.east.report(web, {});
  CHECK(p.pass(10min).empty());
  p.east.other_machine = 7;
  p.east.report(web, {});
  CHECK(p.pass(10min) == "east failed:");
  CHECK_THAT(p.east.last.text, Contains("ALARM") && Contains("agent web7 (account acme)") && Contains("two machines"));
  CHECK(p.east.last.agents == std::vector<std::string>{"web7"});
  p.east.other_machine = 9;
  p.east.report(web, {});
  CHECK(p.pass(1h).empty());
  CHECK(p.east_is_down(2h).empty());  // the other one knows that it was told
  p.east.other_machine = 0;
  p.east.report(web, {});
  CHECK(p.pass(10min).empty());
  p.east.other_machine = 11;
  p.east.report(web, {});
  CHECK(p.pass(10min) == "east failed:");
}

TEST_CASE("alarms: an agent that says again and again that there are two machines, and none, is told of no more often than jobs are") {
  AlarmPair p;
  auto const web = p.agent("web7");
  exchange(p.east.registry, p.west.registry);
  p.east.report(web, {});
  CHECK(p.pass(10min).empty());
  int told = 0;
  for (int i = 0; i < 60; ++i) {
    p.east.other_machine = i % 2 == 0 ? static_cast<std::uint64_t>(i) + 1 : 0;
    p.east.report(web, {});
    if (!p.pass(2min).empty()) ++told;
  }
  CHECK(told >= 1);
  CHECK(told <= 120min / Alarms::kPause + 1);
}

TEST_CASE("alarms: an agent that calls itself by another one's name is told apart") {
  AlarmWorld w;
  auto const web = w.agent("web7"), other = w.agent("db1");
  w.east.report(web, {{"main", 1h}});
  w.east.called = "web7";
  w.east.report(other, {{"main", 2h}});
  CHECK(w.east.pass(61min) == "overdue:main");
  CHECK(w.east.last.agents == std::vector<std::string>{"web7"});
  CHECK(w.east.pass(60min) == "overdue:main");
  auto const id = AgentId::from(other.id()).value();
  CHECK(w.east.last.agents == std::vector<std::string>{"web7 (" + id.brief() + ")"});
}
