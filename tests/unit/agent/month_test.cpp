// An agent that nobody looks at: thirty days of hourly runs must leave it as it was.
#include <fstream>

#include "agent/agent_metrics.hpp"
#include "agent/notices.hpp"
#include "agent/report.hpp"
#include "agent/scheduler.hpp"
#include "async/race.hpp"
#include "sim/sim_children.hpp"
#include "sim/sim_timers.hpp"
#include "unit/config/fake_zone.hpp"
#include "whole_machine.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}
std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{}));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;  // the sanitizer keeps what was freed
#else
constexpr bool kMeasuresMemory = true;
#endif

}  // namespace

TEST_CASE("month: thirty days of hourly runs, memory and descriptors are on the last day what they were on the third") {
  Machine m(fs::exists("/dev/shm") ? "/dev/shm" : "/tmp");  // ten thousand small durable writes: not on a disk if possible
  for (unsigned i = 0; i < 200; ++i) m.write("folder " + std::to_string(i % 10) + "/file " + std::to_string(i), m.noise(2000 + i, i));
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock(timers);
  InlineWorkers workers;
  sim::SimChildren commands;
  const FakeZone zone{"UTC", 0s, {}};
  AgentConfig config;
  config.jobs.emplace_back();
  config.jobs[0].name = "main";
  config.jobs[0].schedules.push_back(*Schedule::parse("hourly"));
  config.jobs[0].retry_for = 20h;
  config.jobs[0].overdue_after = 24h;
  m.job.hooks.before = {"true"};
  Notices::Unknown unknown;
  Notices notices(*m.state, config, zone, clock, unknown, [](Notice) {});

  std::size_t runs = 0, failures = 0, metrics = 0;
  auto run_job = [&](const JobConfig& job, JobTimes::Why, std::chrono::nanoseconds patience) -> task<Scheduler::Outcome> {
    // A file changes each hour, and once a day nobody can be reached for a while.
    m.write("changing", m.noise(3000, static_cast<unsigned>(runs)));
    const bool outage = runs % 24 == 5 && failures <= runs / 24;
    m.down[0] = m.down[1] = outage;
    ++runs;
    commands.orders.clear();  // not this run's memory
    JobRunner runner(BackupParts{*m.state, *m.keys, workers, timers, clock, m.random, m.reporter, system_sources(), commands}, m, *m.choice,
                     [&](const std::string& done) { return report_of(*m.state, config, zone, clock.wall(), done); });
    std::string failed;
    try {
      co_await runner.run(m.job, Patience::until_done, outage ? std::chrono::nanoseconds{0} : patience);
    } catch (const failure& f) {
      failed = f.what();
    }
    failures += !failed.empty();
    notices.ended(job, failed);
    metrics = agent_metrics(*m.state, config, zone, clock.wall(), &job).size();
    // What the servers keep is theirs: only the newest of it stays.
    for (auto& store : m.stores) {
      store.reports.clear();
      while (store.snapshots.size() > 2) store.snapshots.erase(store.snapshots.begin());
    }
    co_return !failed.empty() ? Scheduler::Outcome::failed : Scheduler::Outcome::done;
  };
  Scheduler scheduler(*m.state, config.jobs, zone, timers, clock, run_job);
  auto days = [](Timers& t, int n) -> task<void> { co_await t.sleep(std::chrono::hours(24 * n)); };
  auto both = [](task<void> a, task<void> b) -> task<void> { co_await race(std::move(a), std::move(b)); };
  sim::run(io, timers, both(scheduler.run(), days(timers, 3)));
  // The servers' memory is in this process too, and grows as a disk would.
  auto stored = [&] {
    std::size_t sum = 0;
    for (auto& store : m.stores) {
      std::set<const Buffer*> records;
      for (auto& [id, record] : store.where)
        if (records.insert(record.get()).second) sum += record->capacity() + 100;
      for (auto& [id, below] : store.refs) sum += below.capacity() * sizeof(ObjectId) + 150;
      sum += store.where.size() * 150 + store.nodes.size() * 100 + store.digests.size() * 100;
    }
    return sum;
  };
  const std::size_t memory = resident_bytes() - stored(), descriptors = open_descriptors();
  sim::run(io, timers, both(scheduler.run(), days(timers, 27)));
  const std::size_t memory_after = resident_bytes() - stored();
  WARN(runs << " runs, " << failures << " failed; resident " << memory / 1024 << " KiB on the third day, " << memory_after / 1024 << " KiB on the last; " << descriptors << " descriptors");
  CHECK(runs >= 720);
  CHECK(failures >= 25);
  CHECK(metrics > 1000);
  CHECK(open_descriptors() == descriptors);
  if (kMeasuresMemory) CHECK(memory_after < memory + 2 * 1024 * 1024);
}
