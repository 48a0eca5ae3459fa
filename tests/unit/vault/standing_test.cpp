// What agents tell of themselves: when it counts, and what monitoring reads of it.
#include "vault/standing.hpp"

#include <catch2/catch.hpp>

#include "base/limits.hpp"
#include "sim/sim_disk.hpp"
#include "unit/vault/fake_clock.hpp"
#include "unit/vault/temp_folder.hpp"
#include "vault/server_metrics.hpp"
#include "wire/wire.pb.h"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

constexpr WallTime kNow{1'700'000'000s};
std::int64_t ns(WallTime t) { return t.time_since_epoch().count(); }

wire::pb::Report report(WallTime agents_now, WallTime overdue) {
  wire::pb::Report r;
  r.set_time_ns(ns(agents_now));
  auto* job = r.add_job();
  job->set_name("main");
  job->set_schedule("daily 02:30");
  job->set_last_good_ns(ns(agents_now - 1h));
  job->set_overdue_ns(ns(overdue));
  return r;
}
vault::pb::Told told(const wire::pb::Report& r, WallTime received = kNow) {
  vault::pb::Told t;
  t.set_id(std::string(16, 'a'));
  t.set_received_ns(ns(received));
  t.set_report(r.SerializeAsString());
  return t;
}

}  // namespace

TEST_CASE("standing: a job is overdue from its time on, to the second") {
  auto const t = told(report(kNow, kNow + 26h));
  CHECK_FALSE(standing_of(t, kNow + 26h - 1s).overdue());
  CHECK(standing_of(t, kNow + 26h).overdue());
  CHECK(standing_of(t, kNow).jobs.at(0).last_good == kNow - 1h);
}

TEST_CASE("standing: a machine that was renamed is called as it says now, in printable text; an older agent as it registered") {
  vault::pb::Agent agent;
  agent.set_name("old");
  auto r = report(kNow, kNow + 26h);
  CHECK(name_of(agent, standing_of(told(r), kNow)) == "old");
  r.set_name("new\x1b[2J");
  CHECK(name_of(agent, standing_of(told(r), kNow)) == "new [2J");
}

TEST_CASE("standing: an agent's clock may be wrong by years, in both directions") {
  for (auto const wrong : {-20000h, 20000h}) {
    auto const t = told(report(kNow + wrong, kNow + wrong + 26h));
    CHECK_FALSE(standing_of(t, kNow + 26h - 1s).overdue());
    CHECK(standing_of(t, kNow + 26h).overdue());
  }
}

TEST_CASE("standing: a job that never ran and one without an end") {
  wire::pb::Report r;
  r.set_time_ns(ns(kNow));
  r.add_job()->set_name("never");
  auto const s = standing_of(told(r), kNow + 100000h);
  CHECK_FALSE(s.jobs.at(0).last_good);
  CHECK_FALSE(s.jobs.at(0).overdue);
}

TEST_CASE("standing: drifted is who was deployed and has other settings now") {
  auto r = report(kNow, kNow + 26h);
  CHECK_FALSE(standing_of(told(r), kNow).drifted);
  r.set_deployed_as("web 7");
  r.set_deployed_digest(std::string(32, 'x'));
  r.set_settings_digest(std::string(32, 'x'));
  CHECK_FALSE(standing_of(told(r), kNow).drifted);
  CHECK(standing_of(told(r), kNow).deployed_as == "web 7");
  r.set_settings_digest(std::string(32, 'y'));
  CHECK(standing_of(told(r), kNow).drifted);
}

TEST_CASE("standing: what an agent made up is no text for a terminal, and no report is no job") {
  auto r = report(kNow, kNow + 26h);
  r.mutable_job(0)->set_name("a\x1b[2J\n" + std::string(5000, 'x'));
  r.set_time_ns(std::numeric_limits<std::int64_t>::min());
  auto const s = standing_of(told(r), kNow);
  CHECK_THAT(s.jobs.at(0).name, Catch::StartsWith("a [2J x"));
  CHECK(s.jobs.at(0).name.size() == 200);
  r.mutable_job(0)->set_name(std::string(199, 'x') + "\u00e4");
  CHECK(standing_of(told(r), kNow).jobs.at(0).name == std::string(199, 'x'));  // and not half of the last character
  auto broken = told(r);
  broken.set_report("\xff\xff\xff");
  CHECK(standing_of(broken, kNow).jobs.empty());
}

TEST_CASE("told: the newer report stays, on both sides the same; one too large is refused") {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  Registry east{system_disk(), clock, random, folder.path() + "/east"}, west{system_disk(), clock, random, folder.path() + "/west"};
  auto const id = AgentId::from(std::string(16, 'a')).value();
  auto const old = told(report(kNow, kNow + 1h), kNow), young = told(report(kNow, kNow + 2h), kNow + 1s), other = told(report(kNow, kNow + 3h), kNow + 1s);
  CHECK(east.merge(young));
  CHECK_FALSE(east.merge(old));
  CHECK_FALSE(east.merge(young));
  west.merge(other);
  west.merge(young);
  east.merge(other);
  CHECK(east.told(id)->SerializeAsString() == west.told(id)->SerializeAsString());
  auto const before = east.generation();
  east.set_told(id, "x");
  CHECK(east.generation() == before);
  CHECK(east.told(id)->report() == "x");
  CHECK_THROWS(east.set_told(id, std::string(limits::kMaxReport + 1, 'x')));
  CHECK(east.told(id)->report() == "x");
}

TEST_CASE("server metrics: agents, their jobs and the mirror; a revoked agent's jobs alarm nobody") {
  TempFolder folder;
  FakeClock clock;
  SystemRandom random;
  Registry registry{system_disk(), clock, random, folder.path() + "/registry"};
  auto const account = AccountId::from(registry.add_account("acme", 0).id()).value();
  Registry::TokenOrder order;
  order.account = account;
  order.uses = 2;
  order.valid = 24h;
  auto const token = registry.create_token(order);
  auto enrol = [&](const std::string& name, char key) {
    Registry::Enrolment e;
    e.token = to_string(token.view());
    e.name = name;
    e.key = std::string(32, key);
    return AgentId::from(registry.enrol(e).id()).value();
  };
  auto const web = enrol("web", '1'), gone = enrol("gone", '2');
  auto const now = clock.wall();
  registry.set_told(web, report(now, now + 26h).SerializeAsString());
  registry.set_told(gone, report(now, now + 26h).SerializeAsString());
  registry.set_revoked(gone, true);
  ServerFacts facts;
  facts.name = "east";
  facts.sessions = 3;
  auto const text = server_metrics(registry, facts, now + 27h);
  auto const labels = "{agent=\"" + web.brief() + "\",name=\"web\",account=\"acme\"";
  CHECK_THAT(text, Contains("farkeep_server_sessions 3\n") && Contains("farkeep_agent_job_overdue" + labels + ",job=\"main\"} 1\n") && Contains("farkeep_agent_revoked" + labels + "} 0\n"));
  CHECK_THAT(text, !Contains("name=\"gone\",account=\"acme\",job=") && Contains("name=\"gone\",account=\"acme\"} 1\n"));
  CHECK_THAT(text, !Contains("farkeep_mirror_") && !Contains("farkeep_agent_drifted{"));
  CHECK_THAT(server_metrics(registry, facts, now), Contains("farkeep_agent_job_overdue" + labels + ",job=\"main\"} 0\n"));
}

TEST_CASE("server metrics: no file of the registry is read twice for them, and those that are damaged are counted while they are") {
  sim::SimDisk disk;
  disk.make_folders("/data");
  FakeClock clock;
  SystemRandom random;
  Registry registry{disk, clock, random, "/data/registry"};
  Registry::TokenOrder order;
  order.account = AccountId::from(registry.add_account("acme", 0).id()).value();
  order.uses = 20;
  order.valid = 24h;
  auto const token = registry.create_token(order);
  AgentId id;
  for (char n = 0; n < 20; ++n) {
    Registry::Enrolment e;
    e.token = to_string(token.view());
    e.name = "host " + std::to_string(n);
    e.key = std::string(32, static_cast<char>('a' + n));
    id = AgentId::from(registry.enrol(e).id()).value();
    registry.set_told(id, report(clock.wall(), clock.wall() + 26h).SerializeAsString());
  }
  registry.write_visits();
  std::uint64_t all = 0;
  for (auto const& file : disk.files()) all += disk.content(file).size();
  auto const damaged_files = [&](int n) { return Contains("farkeep_server_registry_damaged_files " + std::to_string(n) + "\n"); };
  auto const before = disk.bytes_read();
  CHECK_THAT(server_metrics(registry, ServerFacts{}, clock.wall()), damaged_files(0));
  CHECK(disk.bytes_read() - before <= all);

  auto const agent = "/data/registry/agents/" + id.hex(), told = "/data/registry/told/" + id.hex();
  std::string of_token;
  for (auto const& file : disk.files())
    if (file.find("/tokens/") != std::string::npos) of_token = file;
  for (auto const& file : {agent, told, of_token}) {
    INFO(file);
    auto const whole = disk.content(file);
    disk.set_content(file, Buffer(whole.begin(), whole.end() - 1));
    CHECK_THAT(server_metrics(registry, ServerFacts{}, clock.wall()), damaged_files(1));
    disk.set_content(file, whole);
    CHECK_THAT(server_metrics(registry, ServerFacts{}, clock.wall()), damaged_files(0));
  }
}
