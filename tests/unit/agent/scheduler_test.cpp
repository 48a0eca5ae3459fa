// Jobs on a simulated clock: when they start, when they stop, and what they make up for.
#include "agent/scheduler.hpp"

#include <catch2/catch.hpp>

#include "async/scope.hpp"
#include "sim/bad_sectors.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "unit/config/fake_zone.hpp"

using namespace farkeep;
using namespace farkeep::test;
using Catch::Contains;
using Outcome = Scheduler::Outcome;

namespace {

struct SchedulerMachine {
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  sim::SimDisk disk;
  sim::BadSectors faults{disk};
  AgentState state{faults, "/state"};
  FakeZone zone = berlin();
  std::vector<JobConfig> jobs;
  struct Start {
    std::string job;
    WallTime at;
    std::chrono::nanoseconds patience;
    JobTimes::Why why;
  };
  std::vector<Start> starts;
  std::vector<WallTime> ends;   // of runs that were not stopped
  std::chrono::nanoseconds takes = 5min;
  bool fails = false, held = false;
  std::optional<Scheduler> scheduler;

  explicit SchedulerMachine(sys_seconds begin) { jump_to(begin); }
  void jump_to(sys_seconds t) {
    clock.set_skew({});
    clock.set_skew(WallTime{t} - clock.wall());
  }
  JobConfig& job(const char* name, std::initializer_list<const char*> schedules) {
    JobConfig j;
    j.name = name;
    j.retry_for = 20h;
    for (auto* text : schedules) {
      const auto s = Schedule::parse(text);
      REQUIRE(s.has_value());
      j.schedules.push_back(*s);
    }
    jobs.push_back(std::move(j));
    return jobs.back();
  }
  void window(JobConfig& j, const char* text) {
    const auto w = WeeklySpan::parse(text);
    REQUIRE(w.has_value());
    j.windows.push_back(*w);
  }

  // As JobRunner keeps the record.
  task<Outcome> run_job(const JobConfig& job, JobTimes::Why why, std::chrono::nanoseconds patience) {
    if (held) co_return Outcome::not_run;
    starts.push_back({job.name, clock.wall(), patience, why});
    auto record = state.job(job.name);
    record.set_running(true);
    record.set_last_start_ns(clock.wall().time_since_epoch().count());
    state.set_job(job.name, record);
    co_await timers.sleep(takes - done_before);
    record = state.job(job.name);
    record.set_running(false);
    record.set_last_end_ns(clock.wall().time_since_epoch().count());
    record.set_failures(fails ? record.failures() + 1 : 0);
    state.set_job(job.name, record);
    ends.push_back(clock.wall());
    co_return fails ? Outcome::failed : Outcome::done;
  }
  std::chrono::nanoseconds done_before{0};

  void live(std::chrono::nanoseconds time) {
    auto day = [](SchedulerMachine& m, std::chrono::nanoseconds t) -> task<void> { co_await m.timers.sleep(t); };
    live_beside(day(*this, time));
  }
  void live_beside(task<void> what) {  // as long as that lasts
    scheduler.emplace(state, jobs, zone, timers, clock, [this](const JobConfig& job, JobTimes::Why why, std::chrono::nanoseconds patience) { return run_job(job, why, patience); });
    sim::run(io, timers, both(scheduler->run(), std::move(what)));
  }
  static task<void> both(task<void> a, task<void> b) { co_await race(std::move(a), std::move(b)); }

  std::vector<sys_seconds> times() const {
    std::vector<sys_seconds> out;
    for (auto& s : starts) out.push_back(std::chrono::floor<seconds>(s.at));
    return out;
  }
};

using Times = std::vector<sys_seconds>;

}  // namespace

TEST_CASE("scheduler: a year of a daily job: every day once, a time that a clock change skips at its end, a repeated one once") {
  SchedulerMachine m(utc(2028, 1, 1));
  const JobConfig& job = m.job("main", {"daily 02:30"});
  const JobTimes times(job, AgentId{}, m.zone);
  agent::pb::Job record;
  WallTime now{utc(2028, 1, 1)};
  record.set_first_seen_ns(now.time_since_epoch().count());
  for (int day = 0; day < 366; ++day) {
    const auto due = times.next(record, now);
    REQUIRE(due.has_value());
    REQUIRE(due->at > now);
    CHECK(times.next(record, due->at)->why == JobTimes::Why::missed);  // it is due then, not a moment later
    now = due->at;
    const LocalTime shown = m.zone.local_at(std::chrono::floor<seconds>(now));
    const LocalTime wanted = local(2028, 1, 1) + std::chrono::days{day} + 2h + 30min;
    CHECK(shown == (wanted == local(2028, 3, 26, 2h + 30min) ? local(2028, 3, 26, 3h) : wanted));
    record.set_last_start_ns(now.time_since_epoch().count());
    now += 5min;
  }
}

TEST_CASE("scheduler: around a change of the clock every day has its run") {
  for (const sys_seconds begin : {utc(2028, 3, 24), utc(2028, 10, 27)}) {
    SchedulerMachine m(begin);
    m.job("main", {"daily 02:30"});
    m.live(std::chrono::days{4});
    REQUIRE(m.starts.size() == 4);
    for (int day = 0; day < 4; ++day) {
      const LocalTime wanted = m.zone.local_at(begin) + std::chrono::days{day};
      CHECK(std::chrono::floor<std::chrono::days>(m.zone.local_at(m.times()[static_cast<std::size_t>(day)])) == std::chrono::floor<std::chrono::days>(wanted));
    }
  }
}

TEST_CASE("scheduler: while the state cannot be written what is due runs at its times, and not again and again") {
  SchedulerMachine m(utc(2028, 5, 1));
  m.job("main", {"every 4h"});
  m.disk.fail_after(0, Errc::no_space, true);
  m.live(5h);
  CHECK(m.times() == Times{utc(2028, 5, 1), utc(2028, 5, 1) + 4h});
}

TEST_CASE("scheduler: a state that cannot be read for a while ends nothing, and what was due runs afterwards") {
  SchedulerMachine m(utc(2028, 5, 1));
  m.job("main", {"every 4h"});
  m.faults.no_descriptors = true;
  auto heal = [&]() -> task<void> {
    co_await m.timers.sleep(9min + 30s);
    m.faults.no_descriptors = false;
    co_await m.timers.sleep(1h);
  };
  m.live_beside(heal());
  CHECK(m.times() == Times{utc(2028, 5, 1) + 10min});
}

TEST_CASE("scheduler: a job whose record may not be read keeps no other one from its times, and runs when it may be read") {
  SchedulerMachine m(utc(2028, 5, 1));
  m.job("closed", {"every 4h"});
  m.job("main", {"every 4h"});
  const std::string record = "/state/jobs/closed/state";
  m.state.set_job("closed", {});
  m.faults.denied.insert(record);
  auto open = [&]() -> task<void> {
    co_await m.timers.sleep(1h);
    REQUIRE(m.starts.size() == 1);
    CHECK(m.starts[0].job == "main");
    m.faults.denied.clear();
    co_await m.timers.sleep(1h);
  };
  m.live_beside(open());
  REQUIRE(m.starts.size() == 2);
  CHECK(m.starts[1].job == "closed");
}

TEST_CASE("scheduler: a job that never ran waits for its time over restarts, and what is counted from the last start begins at once") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("daily", {"daily 02:00"});
  m.job("every", {"every 4h"});
  m.live(30min);
  CHECK(m.times() == Times{utc(2028, 5, 1) - 1h});
  m.live(45min);
  CHECK(m.starts.size() == 2);
  CHECK(m.starts[1].job == "daily");
}

TEST_CASE("scheduler: a first run that was missed while the daemon was stopped is made up for") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"});
  m.live(30min);
  m.jump_to(utc(2028, 5, 3, 9h));
  m.live(1h);
  CHECK(m.times() == Times{utc(2028, 5, 3, 9h)});
}

TEST_CASE("scheduler: several schedules of one job, and one that is due no more") {
  SchedulerMachine m(utc(2028, 1, 1));
  m.job("main", {"*-*-01 04:00", "sat 12:00", "2027-12-24 12:00"});
  m.live(std::chrono::days{8} - 1h);
  CHECK(m.times() == Times{utc(2028, 1, 1, 3h), utc(2028, 1, 1, 11h), utc(2028, 1, 8, 11h)});
}

TEST_CASE("scheduler: a job has its own time zone") {
  SchedulerMachine m(utc(2028, 1, 1));
  const auto zone = NamedTimeZone::parse("UTC");
  REQUIRE(zone.has_value());
  m.job("main", {"daily 12:00"}).time_zone = *zone;
  m.live(std::chrono::days{1});
  CHECK(m.times() == Times{utc(2028, 1, 1, 12h)});
}

TEST_CASE("scheduler: after a week asleep a job runs once, and then at its times") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"});
  m.live(std::chrono::days{2});
  REQUIRE(m.starts.size() == 2);
  m.jump_to(utc(2028, 5, 10, 9h));
  m.live(std::chrono::days{1});
  CHECK(m.times() == Times{utc(2028, 5, 1), utc(2028, 5, 2), utc(2028, 5, 10, 9h), utc(2028, 5, 11)});
}

TEST_CASE("scheduler: without catch_up what was missed is left out, but not what is a moment late") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"}).catch_up = false;
  m.live(std::chrono::days{1} + 2h);
  REQUIRE(m.starts.size() == 2);
  m.jump_to(utc(2028, 5, 10, 9h));
  m.live(1h);
  CHECK(m.starts.size() == 2);
  m.jump_to(utc(2028, 5, 12, 3min));
  m.live(1h);
  REQUIRE(m.starts.size() == 3);
  CHECK(m.times().back() == utc(2028, 5, 12, 3min));
}

TEST_CASE("scheduler: a clock that is set back by less than an hour repeats nothing, and by more it costs one run") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"});
  m.live(std::chrono::days{3} + 2h);
  REQUIRE(m.starts.size() == 4);
  const sys_seconds last = m.times().back();
  m.jump_to(last - 30min);
  m.live(std::chrono::hours{23});
  CHECK(m.starts.size() == 4);  // it was there already
  m.jump_to(last - 36h);
  m.live(std::chrono::hours{1});
  CHECK(m.starts.size() == 5);  // whether that was another year's is not known
}

TEST_CASE("scheduler: a run that does not fit its window stops at the end and goes on in the next one") {
  SchedulerMachine m(utc(2028, 5, 1, 12h));
  auto& job = m.job("main", {"daily 19:00"});  // 17:00 UTC
  m.window(job, "22:00-06:00");
  m.takes = 10h;
  m.live(17h);
  CHECK(m.times() == Times{utc(2028, 5, 1, 20h)});
  CHECK(m.state.job("main").running());  // cut off at 04:00 UTC
  CHECK(m.ends.empty());
  m.done_before = 8h;
  m.live(18h);
  CHECK(m.times() == Times{utc(2028, 5, 1, 20h), utc(2028, 5, 2, 20h)});
  CHECK(m.ends == std::vector<WallTime>{WallTime{utc(2028, 5, 2, 22h)}});
}

TEST_CASE("scheduler: the window of a due run has the last word, also over what was missed") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  auto& job = m.job("main", {"every 1h"});
  m.window(job, "sat,sun 00:00-24:00");
  m.live(std::chrono::days{7});  // from a Monday
  REQUIRE(m.starts.size() >= 40);
  CHECK(m.times().front() == utc(2028, 5, 5, 22h));  // Saturday 00:00 in Berlin
  for (auto t : m.times()) CHECK(t < utc(2028, 5, 7, 22h));
}

TEST_CASE("scheduler: what fails is tried again with growing pauses, as long as retry_for says, and then at its next time") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"}).retry_for = 2h;
  m.takes = 1min;
  m.fails = true;
  m.live(std::chrono::days{1} + 1h + 1s);
  const Times t = m.times();
  const sys_seconds first = utc(2028, 5, 1);
  REQUIRE(t.size() == 8);
  CHECK(t[0] == first);
  CHECK(t[1] == first + 1min + 1min);
  CHECK(t[2] == t[1] + 1min + 2min);
  CHECK(t[3] == t[2] + 1min + 4min);
  CHECK(t[4] == t[3] + 1min + 8min);
  CHECK(t[5] == t[4] + 1min + 16min);
  CHECK(t[6] == t[5] + 1min + 32min);
  CHECK(t[7] == utc(2028, 5, 2));  // another hour, and two would be over
  CHECK(m.starts[0].patience == 2h);
  CHECK(m.starts[3].patience == first + 2h - t[3]);
}

TEST_CASE("scheduler: success ends the tries, and the next failure has all its time again") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"});
  m.fails = true;
  m.live(1h + 6min);
  REQUIRE(m.starts.size() == 1);
  m.fails = false;
  m.live(6h);
  CHECK(m.starts.size() == 2);
  CHECK(m.state.job("main").retry_at_ns() == 0);
  CHECK(m.state.job("main").tries() == 0);
}

TEST_CASE("scheduler: jitter moves a machine's starts by the same time, and not all machines' by the same") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  auto& job = m.job("main", {"daily 02:00"});
  job.jitter = 1h;
  std::set<std::int64_t> seen;
  for (std::uint8_t n = 0; n < 50; ++n) {
    AgentId id;
    id.bytes.fill(n);
    const JobTimes times(job, id, m.zone);
    CHECK(times.jitter() == JobTimes(job, id, m.zone).jitter());
    CHECK(times.jitter() <= 1h);
    seen.insert(times.jitter().count());
  }
  CHECK(seen.size() > 40);
  AgentId nobody;
  const seconds own = JobTimes(job, nobody, m.zone).jitter();
  m.live(std::chrono::days{3} + 1h - 1s);
  CHECK(m.times() == Times{utc(2028, 5, 1) + own, utc(2028, 5, 2) + own, utc(2028, 5, 3) + own});
}

TEST_CASE("scheduler: a pause holds a job or all, for a time or until it is ended; what was due meanwhile runs once") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("a", {"every 1h"});
  m.job("b", {"every 1h"});
  pause_job(m.state, "a", m.clock.wall() + 5h, m.clock.wall());
  m.live(5h - 1min);
  for (auto& s : m.starts) CHECK(s.job == "b");
  CHECK(m.starts.size() == 5);
  m.live(2min);
  CHECK(std::count_if(m.starts.begin(), m.starts.end(), [](auto& s) { return s.job == "a"; }) == 1);

  m.starts.clear();
  pause_job(m.state, "", WallTime::max(), m.clock.wall());
  m.live(std::chrono::days{2});
  CHECK(m.starts.empty());
  resume_job(m.state, "a");  // the pause of all still holds
  CHECK(paused_until(m.state, "a", m.clock.wall()) == WallTime::max());
  resume_job(m.state, "");
  m.live(30min);
  CHECK(m.starts.size() == 2);
}

TEST_CASE("scheduler: a cancelled run ends and begins anew at its next time only") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"});
  m.takes = 3h;
  m.timers.after(2h, [&] { CHECK(m.scheduler->cancel("main")); });
  m.timers.after(3h, [&] { CHECK_FALSE(m.scheduler->cancel("main")); });
  m.live(std::chrono::days{1} + 1h + 1s);
  CHECK(m.times() == Times{utc(2028, 5, 1), utc(2028, 5, 2)});
  CHECK(m.ends.empty());
}

TEST_CASE("scheduler: a run that was cut off goes on at once, and jobs take turns") {
  SchedulerMachine m(utc(2028, 5, 1, 12h));
  m.job("a", {"daily 02:00"});
  m.job("b", {"every 1h"});
  m.job("c", {"every 1h"});
  agent::pb::Job record;
  record.set_running(true);
  record.set_last_start_ns(m.clock.wall().time_since_epoch().count());
  m.state.set_job("a", record);
  m.takes = 30min;
  m.live(2h - 1s);
  std::string order;
  for (auto& s : m.starts) order += s.job;
  CHECK(order.size() == 4);
  CHECK(order.find('a') != std::string::npos);
  CHECK(std::count(order.begin(), order.end(), 'a') == 1);
  CHECK(std::count(order.begin(), order.end(), 'b') >= 1);
  CHECK(std::count(order.begin(), order.end(), 'c') >= 1);
}

TEST_CASE("scheduler: a job without a schedule is never started, even if a run by hand was cut off") {
  SchedulerMachine m(utc(2028, 5, 1));
  m.job("main", {});
  agent::pb::Job record;
  record.set_running(true);
  record.set_last_start_ns(m.clock.wall().time_since_epoch().count());
  m.state.set_job("main", record);
  m.live(std::chrono::days{2});
  CHECK(m.starts.empty());
}

TEST_CASE("scheduler: while somebody else runs a job by hand nothing starts, and nothing is lost") {
  SchedulerMachine m(utc(2028, 5, 1) - 1h);
  m.job("main", {"daily 02:00"});
  m.held = true;
  m.live(2h);
  CHECK(m.starts.empty());
  m.held = false;
  m.live(1h);
  CHECK(m.starts.size() == 1);
}

TEST_CASE("scheduler: a run under a clock that was ahead does not end the schedule when the clock is right again") {
  for (const bool by_hand : {false, true}) {
    for (const char* schedule : {"every 4h", "daily 02:30", "*-*-* *:*:00"}) {
      INFO(schedule << by_hand);
      SchedulerMachine m(utc(2028, 1, 1));
      JobConfig& job = m.job("main", {schedule});
      job.overdue_after = 1h;
      const JobTimes times(job, AgentId{}, m.zone);
      m.takes = 1h;
      m.live(26h);
      const auto before = m.starts.size();
      REQUIRE(before >= 1);
      const auto ns = [](sys_seconds t) { return std::chrono::nanoseconds(t.time_since_epoch()).count(); };
      auto record = m.state.job("main");
      record.set_last_start_ns(ns(utc(2048, 1, 1)));
      record.set_last_good_ns(ns(utc(2048, 1, 1)));
      if (by_hand) record.set_first_seen_ns(0);
      m.state.set_job("main", record);
      const auto overdue = times.overdue_at(record, m.clock.wall());
      CHECK((overdue && *overdue <= m.clock.wall() + 48h));
      m.live(26h);
      CHECK(m.starts.size() > before);
      CHECK(m.state.job("main").last_start_ns() < ns(utc(2029, 1, 1)));
      CHECK(m.starts.size() - before < 28);  // and it is no storm
    }
  }
}

TEST_CASE("scheduler: a job that was first seen under a clock that was ahead runs at its times when the clock is right again") {
  for (const bool ran : {false, true}) {
    for (const bool set_meanwhile : {false, true}) {
      INFO(ran << set_meanwhile);
      SchedulerMachine m(utc(2028, 1, 1));
      m.job("main", {"daily 02:30"}).overdue_after = 1h;
      const JobTimes times(m.jobs.front(), AgentId{}, m.zone);
      agent::pb::Job record;
      record.set_first_seen_ns(WallTime{utc(2048, 1, 1)}.time_since_epoch().count());
      if (ran) record.set_last_start_ns(record.first_seen_ns());
      m.state.set_job("main", record);
      if (set_meanwhile) m.timers.after(25h, [&] { m.jump_to(utc(2028, 1, 2)); });  // the daemon goes on while the clock is set
      if (set_meanwhile) m.jump_to(utc(2048, 1, 1));
      CHECK_FALSE((!set_meanwhile && !ran && times.overdue_at(record, m.clock.wall()) <= m.clock.wall()));  // new, not late
      m.live(set_meanwhile ? 74h : 49h);
      CHECK(m.starts.size() == (set_meanwhile ? 3 : 2));
      CHECK(m.state.job("main").first_seen_ns() <= m.clock.wall().time_since_epoch().count());
      m.starts.clear();
      const auto late = times.overdue_at(m.state.job("main"), m.clock.wall());
      CHECK((late && *late < m.clock.wall() + 48h));
    }
  }
}

TEST_CASE("scheduler: a pause of hours that began under a clock that was ahead does not last until that time") {
  SchedulerMachine m(utc(2048, 1, 1));
  m.job("main", {"daily 02:30"});
  m.live(1min);
  pause_job(m.state, "main", m.clock.wall() + 2h, m.clock.wall());
  pause_job(m.state, "other", WallTime::max(), m.clock.wall());
  CHECK(paused_until(m.state, "main", m.clock.wall()));
  m.jump_to(utc(2047, 12, 31, 23h + 30min));
  CHECK(paused_until(m.state, "main", m.clock.wall()));  // set back by half an hour
  m.jump_to(utc(2028, 1, 1));
  CHECK_FALSE(paused_until(m.state, "main", m.clock.wall()));
  CHECK(paused_until(m.state, "other", m.clock.wall()) == WallTime::max());  // until it is resumed: that needs no clock
  m.live(25h);
  CHECK(m.starts.size() == 1);
}

TEST_CASE("scheduler: whether the last run was skipped is told from times that this clock may have written") {
  const WallTime now{utc(2028, 1, 1)}, ahead{utc(2048, 1, 1)};
  const auto skipped = [&](WallTime skip, WallTime end) {
    agent::pb::Job record;
    record.set_skipped_ns(skip.time_since_epoch().count());
    record.set_last_end_ns(end.time_since_epoch().count());
    return JobTimes::was_skipped(record, now);
  };
  CHECK(skipped(now, now - 1h));
  CHECK_FALSE(skipped(now - 1h, now));
  CHECK(skipped(now, ahead));
  CHECK_FALSE(skipped(ahead, now));
}

TEST_CASE("scheduler: a try that was put off under a clock that was ahead is made at once") {
  SchedulerMachine m(utc(2028, 1, 1));
  m.job("main", {"daily 02:30"});
  const JobTimes times(m.jobs.front(), AgentId{}, m.zone);
  agent::pb::Job record;
  record.set_last_start_ns(m.clock.wall().time_since_epoch().count());
  record.set_retry_at_ns(WallTime{utc(2028, 1, 1, 30min)}.time_since_epoch().count());
  CHECK(times.next(record, m.clock.wall())->at == WallTime{utc(2028, 1, 1, 30min)});
  record.set_retry_at_ns(WallTime{utc(2048, 1, 1)}.time_since_epoch().count());
  CHECK(times.next(record, m.clock.wall())->at == m.clock.wall());
}
