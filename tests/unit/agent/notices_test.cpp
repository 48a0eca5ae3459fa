// What is told of jobs, and how often; and what Prometheus reads.
#include "agent/notices.hpp"

#include <catch2/catch.hpp>

#include "agent/agent_metrics.hpp"
#include "agent/report.hpp"
#include "agent/shown_job.hpp"
#include "platform/atomic_file.hpp"
#include "sim/bad_sectors.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "unit/config/fake_zone.hpp"
#include "wire/wire.pb.h"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono_literals;
using Catch::Contains;
using Event = Notice::Event;

namespace {

AgentConfig config_of(const std::string& more, const std::string& notify = {}) {
  auto parsed = AgentConfig::parse("[registration]\nserver = 192.0.2.1\nca_file = /ca.pem\n[notify]\n" + notify + "[job main]\npath = /x\n" + more, "test.ini");
  for (auto& e : parsed.errors) FAIL(e.text);
  return std::move(*parsed.value);
}

struct NoticesMachine {
  explicit NoticesMachine(AgentConfig c) : config(std::move(c)), state(faults, "/state"), notices(state, config, zone, clock, unknown, [this](Notice n) { told.push_back(std::move(n)); }) {
    agent::pb::Job record;
    record.set_first_seen_ns(now());
    state.set_job("main", record);
  }
  std::int64_t now() const { return clock.wall().time_since_epoch().count(); }
  const JobConfig& job() const { return config.jobs.front(); }
  void run(bool good) {
    auto record = state.job("main");
    record.set_last_end_ns(now());
    record.set_failures(good ? 0 : record.failures() + 1);
    record.set_last_text(good ? "snapshot abc" : "no route");
    if (good) record.set_last_good_ns(now());
    state.set_job("main", record);
    notices.ended(job(), good ? "" : "no route");
  }
  void pass(std::chrono::nanoseconds time) {
    const SteadyTime end = timers.now() + time;
    timers.at(end, [] {});
    while (timers.now() < end) timers.advance();
  }
  std::string events() {
    std::string out;
    for (auto& n : told) out += std::string(out.empty() ? "" : " ") + name_of(n.event) + (n.to_people ? "" : "-") + (n.ping.empty() ? "" : "(" + n.ping + ")");
    told.clear();
    return out;
  }

  sim::SimTimers timers;
  sim::SimClock clock{timers};
  sim::SimDisk disk;
  sim::BadSectors faults{disk};
  const FakeZone zone{"UTC", 0s, {}};
  const AgentConfig config;
  AgentState state;
  std::vector<Notice> told;
  Notices::Unknown unknown;
  Notices notices;
};

}  // namespace

TEST_CASE("notices: an alarm beside a snapshot is told once, and its ping says so") {
  NoticesMachine m(config_of("schedule = every 4h\nping = https://hc-ping.com/0a1b\n"));
  const auto run = [&](Exit exit) {
    auto record = m.state.job("main");
    record.set_last_exit(static_cast<std::uint32_t>(exit));
    m.state.set_job("main", record);
    m.run(true);
    return m.events();
  };
  CHECK(run(Exit::alarm) == "failed(https://hc-ping.com/0a1b/fail)");
  CHECK(run(Exit::alarm) == "failed-(https://hc-ping.com/0a1b/fail)");
  CHECK(run(Exit::done) == "done-(https://hc-ping.com/0a1b)");
  CHECK(run(Exit::alarm) == "failed(https://hc-ping.com/0a1b/fail)");
}

TEST_CASE("notices: a ping address with a query keeps it, behind the path") {
  NoticesMachine m(config_of("schedule = every 4h\nping = https://hc.example/key/slug/?create=1&a=/b\n"));
  m.notices.started(m.job());
  m.run(true);
  m.run(false);
  CHECK(m.events() == "started-(https://hc.example/key/slug/start?create=1&a=/b) done-(https://hc.example/key/slug/?create=1&a=/b) failed(https://hc.example/key/slug/fail?create=1&a=/b)");
}

TEST_CASE("notices: a snapshot that lacks a source is told once, and once that it has it again; its ping is no failure and says so") {
  NoticesMachine m(config_of("schedule = every 4h\nping = https://hc-ping.com/0a1b\n"));
  const auto run = [&](const std::string& lacks) {
    auto record = m.state.job("main");
    record.set_lacks(lacks);
    m.state.set_job("main", record);
    m.run(true);
  };
  run("'/srv': not found");
  REQUIRE(m.told.size() == 1);
  CHECK_THAT(m.told.front().text, Contains("not a good one"));
  CHECK(m.events() == "incomplete(https://hc-ping.com/0a1b)");
  run("'/srv': not found");
  CHECK(m.events() == "incomplete-(https://hc-ping.com/0a1b)");
  m.notices.look();
  CHECK(m.events().empty());
  run("");
  CHECK(m.events() == "done-(https://hc-ping.com/0a1b) recovered");
  run("'/srv': not found");
  CHECK(m.events() == "incomplete(https://hc-ping.com/0a1b)");
}

TEST_CASE("notices: an alarm in between hides neither that a snapshot lacks a source nor that it has it again, and tells it no second time") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  const auto run = [&](Exit exit, const std::string& lacks) {
    auto record = m.state.job("main");
    record.set_last_exit(static_cast<std::uint32_t>(exit));
    record.set_lacks(lacks);
    m.state.set_job("main", record);
    m.run(true);
    return m.events();
  };
  CHECK(run(Exit::incomplete, "'/srv': not found") == "incomplete");
  CHECK(run(Exit::alarm, "") == "failed recovered");
  CHECK(run(Exit::incomplete, "'/srv': not found") == "incomplete");
  CHECK(run(Exit::alarm, "'/srv': not found") == "failed");
  CHECK(run(Exit::done, "") == "recovered");
  CHECK(run(Exit::alarm, "'/srv': not found") == "failed");  // whose text says both
  CHECK(run(Exit::incomplete, "'/srv': not found").empty());
  CHECK(run(Exit::alarm, "'/srv': not found") == "failed");
  CHECK(run(Exit::alarm, "") == "recovered");
  CHECK(run(Exit::alarm, "'/srv': not found") == "failed");
  CHECK(run(Exit::alarm, "'/srv': not found").empty());
}

TEST_CASE("notices: a failure is told once, and once that it is over") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  m.notices.started(m.job());
  m.run(false);
  CHECK_THAT(m.told.at(0).text, Contains("no route") && Contains("last good snapshot: never"));
  CHECK(m.events() == "failed");
  m.run(false);
  m.notices.look();
  CHECK(m.events().empty());
  m.run(true);
  CHECK(m.events() == "recovered");
  m.run(true);
  m.notices.look();
  CHECK(m.events().empty());
}

TEST_CASE("notices: a restart repeats nothing, and a run by hand ends the alarm") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  m.run(false);
  m.told.clear();
  Notices again(m.state, m.config, m.zone, m.clock, m.unknown, [&](Notice n) { m.told.push_back(std::move(n)); });
  again.look();
  CHECK(m.events().empty());
  auto record = m.state.job("main");
  record.set_failures(0);
  record.set_last_good_ns(m.now());
  m.state.set_job("main", record);
  again.look();
  CHECK(m.events() == "recovered");
}

TEST_CASE("notices: on a full disk a failure is told once, in the words of this run") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  m.run(false);
  m.run(true);
  m.told.clear();
  m.disk.set_full(true);
  for (int minute = 0; minute < 3; ++minute) {
    auto record = m.state.job("main");
    record.set_failures(record.failures() + 1);
    m.state.set_job("main", record);
    m.notices.ended(m.job(), "no room");
    m.notices.look();
  }
  REQUIRE_FALSE(m.told.empty());
  CHECK_THAT(m.told.front().text, Contains("job main failed: no room"));
  CHECK(m.events() == "failed");
}

TEST_CASE("notices: one job of which nothing can be read is told of once, and the others are looked at") {
  NoticesMachine m(config_of("schedule = every 4h\n[job other]\npath = /y\nschedule = every 4h\noverdue_after = 2h\n"));
  agent::pb::Job record;
  record.set_first_seen_ns(m.now());
  m.state.set_job("other", record);
  m.faults.denied.insert("/state/jobs/main/state");
  m.notices.look();
  REQUIRE(m.told.size() == 1);
  CHECK_THAT(m.told.at(0).text, Contains("job main") && Contains("not known"));
  CHECK(m.events() == "failed");
  m.pass(7h);
  m.notices.look();
  REQUIRE(m.told.size() == 1);
  CHECK_THAT(m.told.at(0).text, Contains("job other is overdue"));
  const std::string text = agent_metrics(m.state, m.config, m.zone, m.clock.wall(), nullptr);
  CHECK_THAT(text, Contains("farkeep_job_failures{job=\"other\"} 0\n") && Contains("farkeep_job_known{job=\"other\"} 1\n") && Contains("farkeep_job_known{job=\"main\"} 0\n"));
  CHECK_THAT(text, !Contains("farkeep_job_failures{job=\"main\"}") && !Contains("farkeep_job_next_start_timestamp_seconds{job=\"main\"}") && Contains("farkeep_job_enabled{job=\"main\"} 1\n"));
  wire::pb::Report report;
  REQUIRE(report.ParseFromString(to_string(report_of(m.state, m.config, m.zone, m.clock.wall(), ""))));
  REQUIRE(report.job_size() == 2);  // the server's watch goes on
  CHECK(report.job(0).name() == "main");
  CHECK(report.job(0).last_good_ns() == 0);
  CHECK(report.job(0).overdue_ns() == m.now());
  CHECK(report.job(1).overdue_ns() > 0);
  CHECK(report.job(1).overdue_ns() < m.now());
  Notices read_again(m.state, m.config, m.zone, m.clock, m.unknown, [&](Notice n) { m.told.push_back(std::move(n)); });
  m.told.clear();
  read_again.look();
  CHECK(m.told.empty());
}

TEST_CASE("notices: a job whose record was damaged is overdue for all who look, until its next good snapshot, and the others are as they were") {
  NoticesMachine m(config_of("schedule = every 4h\noverdue_after = 2h\n[job other]\npath = /y\nschedule = every 4h\noverdue_after = 2h\n"));
  for (const char* job : {"main", "other"}) {
    agent::pb::Job record;
    record.set_first_seen_ns(m.now());
    record.set_last_good_ns(m.now());
    m.state.set_job(job, record);
  }
  const auto report_now = [&](const std::string& done) {
    wire::pb::Report report;
    REQUIRE(report.ParseFromString(to_string(report_of(m.state, m.config, m.zone, m.clock.wall(), done))));
    REQUIRE(report.job_size() == 2);
    return report;
  };
  Buffer file = *read_file(m.disk, "/state/jobs/main/state", 1000);
  file.back() ^= 1;
  write_file_atomically(m.disk, "/state/jobs/main/state", file);
  const auto expect_lost = [&] {
    const auto report = report_now({});
    CHECK(report.job(0).last_good_ns() == 0);
    CHECK(report.job(0).overdue_ns() == m.now());
    CHECK(report.job(1).last_good_ns() > 0);
    CHECK(report.job(1).overdue_ns() > m.now());
    const std::string text = agent_metrics(m.state, m.config, m.zone, m.clock.wall(), nullptr);
    CHECK_THAT(text, Contains("farkeep_job_known{job=\"main\"} 0\n") && Contains("farkeep_job_known{job=\"other\"} 1\n"));
    std::string problem;
    (void)shown_job(m.state, "main", &problem);
    CHECK_THAT(problem, Contains("damaged"));
  };
  expect_lost();
  m.notices.look();
  REQUIRE(m.told.size() == 1);
  CHECK_THAT(m.told.at(0).text, Contains("job main is overdue") && Contains("not known, for its record was damaged"));
  CHECK(m.events() == "overdue");
  expect_lost();  // also when it has been written again
  m.pass(1min);
  CHECK(report_now("main").job(0).last_good_ns() == m.now());
  CHECK(report_now("main").job(0).overdue_ns() > m.now());
  auto never_ran = shown_job(m.state, "none");
  CHECK_FALSE(never_ran.lost());
}

TEST_CASE("metrics: an identity that cannot be read leaves the jobs' figures") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  m.state.set_key_pem("no key");
  m.state.set_identity({});
  const std::string text = agent_metrics(m.state, m.config, m.zone, m.clock.wall(), nullptr);
  CHECK_THAT(text, Contains("farkeep_job_failures{job=\"main\"} 0\n") && Contains("farkeep_agent_info{"));
}

TEST_CASE("notices: overdue is told to the minute, once, for a job that never ran too") {
  NoticesMachine m(config_of("schedule = every 4h\noverdue_after = 2h\n"));
  m.pass(6h - 1s);
  m.notices.look();
  CHECK(m.events().empty());
  m.pass(1s);
  m.notices.look();
  CHECK_THAT(m.told.at(0).text, Contains("is overdue") && Contains("of never"));
  CHECK(m.events() == "overdue");
  m.notices.look();
  CHECK(m.events().empty());
  m.run(true);
  CHECK(m.events() == "recovered");
  m.pass(6h);
  m.notices.look();
  CHECK(m.events() == "overdue");
}

TEST_CASE("notices: runs that are skipped do not keep a job from being overdue, overdue_after = never does") {
  NoticesMachine skips(config_of("schedule = every 4h\n"));
  NoticesMachine standby(config_of("schedule = every 4h\noverdue_after = never\n"));
  for (NoticesMachine* m : {&skips, &standby}) {
    for (int run = 0; run < 8; ++run) {
      m->pass(4h);
      auto record = m->state.job("main");
      record.set_last_start_ns(m->now());
      record.set_skipped_ns(m->now());
      m->state.set_job("main", record);
      m->notices.look();
    }
  }
  CHECK(skips.events() == "overdue");
  CHECK(standby.events().empty());
  const std::string text = agent_metrics(standby.state, standby.config, standby.zone, standby.clock.wall(), nullptr);
  CHECK_THAT(text, Contains("farkeep_job_last_skipped_timestamp_seconds{job=\"main\"} "));
  CHECK_THAT(text, !Contains("farkeep_job_overdue_timestamp_seconds{") && !Contains("farkeep_job_last_exit_code{") && !Contains("farkeep_job_last_end_timestamp_seconds{"));
}

TEST_CASE("notices: jobs on request, and jobs that are not enabled, are never overdue") {
  NoticesMachine request(config_of(""));
  NoticesMachine disabled(config_of("schedule = every 4h\nenabled = no\n"));
  for (NoticesMachine* m : {&request, &disabled}) {
    m->pass(1000h);
    m->notices.look();
    CHECK(m->events().empty());
  }
}

TEST_CASE("notices: when = all tells of each run, a ping address hears of each whatever people want") {
  NoticesMachine all(config_of("schedule = every 4h\n", "when = all\n"));
  all.notices.started(all.job());
  all.run(true);
  all.run(false);
  all.run(false);
  CHECK(all.events() == "started done failed failed");
  NoticesMachine ping(config_of("schedule = every 4h\nping = https://hc.example/u\n"));
  ping.notices.started(ping.job());
  ping.run(true);
  ping.run(false);
  ping.run(false);
  CHECK(ping.events() == "started-(https://hc.example/u/start) done-(https://hc.example/u) failed(https://hc.example/u/fail) failed-(https://hc.example/u/fail)");
}

TEST_CASE("metrics: an agent that knows nothing yet leaves out what it does not know") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  const std::string text = agent_metrics(m.state, m.config, m.zone, m.clock.wall(), nullptr);
  CHECK_THAT(text, Contains("farkeep_job_running{job=\"main\"} 0\n") && Contains("farkeep_job_enabled{job=\"main\"} 1\n") && Contains("farkeep_job_failures{job=\"main\"} 0\n"));
  CHECK_THAT(text, !Contains("farkeep_job_last_success_timestamp_seconds{") && !Contains("farkeep_job_snapshot_files{"));
  CHECK_THAT(text, Contains("farkeep_job_overdue_timestamp_seconds{job=\"main\"} "));
}

TEST_CASE("metrics: a time that was written under a clock that was ahead is left out, and the job is overdue") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  m.run(true);
  auto record = m.state.job("main");
  record.set_last_good_ns(m.now() + std::chrono::nanoseconds(24h * 3650).count());
  record.set_last_start_ns(record.last_good_ns());
  record.set_last_end_ns(m.now() + std::chrono::nanoseconds(1min).count());  // set back by a minute
  m.state.set_job("main", record);
  const std::string text = agent_metrics(m.state, m.config, m.zone, m.clock.wall(), nullptr);
  CHECK_THAT(text, !Contains("farkeep_job_last_success_timestamp_seconds{") && !Contains("farkeep_job_last_start_timestamp_seconds{"));
  CHECK_THAT(text, Contains("farkeep_job_last_end_timestamp_seconds{job=\"main\"}") && Contains("farkeep_job_snapshot_files{job=\"main\"}"));
  CHECK_THAT(text, Contains("farkeep_job_overdue_timestamp_seconds{job=\"main\"} "));
  m.state.set_identity({});
  wire::pb::Report report;
  REQUIRE(report.ParseFromString(to_string(report_of(m.state, m.config, m.zone, m.clock.wall(), ""))));
  CHECK(report.job(0).last_good_ns() == 0);
  CHECK(report.job(0).overdue_ns() > 0);
  CHECK_FALSE(report.name().empty());  // the machine's
  AgentConfig renamed = m.config;
  renamed.name = "renamed";
  REQUIRE(report.ParseFromString(to_string(report_of(m.state, renamed, m.zone, m.clock.wall(), ""))));
  CHECK(report.name() == "renamed");
}

TEST_CASE("metrics: after a snapshot all is there, once, and each sample follows its family") {
  NoticesMachine m(config_of("schedule = every 4h\n"));
  m.run(true);
  auto record = m.state.job("main");
  record.set_files(12);
  record.set_bytes(3456);
  record.set_took_ns(1'500'000'000);
  record.set_without_attributes(2);
  m.state.set_job("main", record);
  const std::string text = agent_metrics(m.state, m.config, m.zone, m.clock.wall(), &m.job());
  CHECK_THAT(text, Contains("farkeep_job_snapshot_files{job=\"main\"} 12\n") &&
                       Contains("farkeep_job_snapshot_without_attributes{job=\"main\"} 2\n") && Contains("farkeep_job_snapshot_duration_seconds{job=\"main\"} 1.5\n") && Contains("farkeep_job_running{job=\"main\"} 1\n"));
  std::istringstream lines(text);
  std::string family;
  std::set<std::string> families;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      CHECK(families.insert(family).second);
    } else if (!line.starts_with("#")) {
      CHECK(line.substr(0, line.find_first_of("{ ")) == family);
    }
  }
  CHECK(families.size() >= 15);
}
