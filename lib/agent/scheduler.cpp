#include "agent/scheduler.hpp"

#include <algorithm>

namespace farkeep {
namespace {
using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kLook = 60s;  // how long a changed clock may go unnoticed
}  // namespace

Scheduler::Scheduler(AgentState& state, const std::vector<JobConfig>& jobs, const TimeZone& zone, Timers& timers, const Clock& clock, RunJob run)
    : state_(state), jobs_(jobs), zone_(zone), timers_(timers), clock_(clock), run_(std::move(run)) {}

std::optional<Scheduler::Due> Scheduler::next() const {
  std::optional<Due> first;
  const WallTime now = clock_.wall();
  for (auto& job : jobs_) {
    if (!job.enabled || job.schedules.empty()) continue;
    const auto record = state_.job(job.name);
    const WallTime last{std::chrono::nanoseconds(record.last_start_ns())};
    WallTime at = now;
    if (!record.running()) {
      at = job.schedules.front().next(now, last, zone_);
      for (auto& s : job.schedules) at = std::min(at, s.next(now, last, zone_));
    }
    // Of those that are due now, the one that was started longest ago.
    const bool earlier = !first || at < first->at || (at == first->at && record.last_start_ns() < state_.job(first->job->name).last_start_ns());
    if (earlier) first = Due{&job, at};
  }
  return first;
}

task<void> Scheduler::run() {
  for (;;) {
    const auto due = next();
    const WallTime now = clock_.wall();
    if (due && due->at <= now) {
      co_await run_(*due->job);
      continue;
    }
    const std::chrono::nanoseconds pause = due ? std::min(kLook, due->at - now) : kLook;
    co_await timers_.sleep(pause);
  }
}

}  // namespace farkeep
