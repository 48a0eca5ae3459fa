#include "agent/scheduler.hpp"

#include <algorithm>
#include <utility>

#include "agent/stored_time.hpp"
#include "async/fence.hpp"
#include "async/race.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kClockLook = 60s;  // how long a changed clock may go unnoticed
constexpr auto kNotRun = 10s;                     // somebody runs a job by hand

}  // namespace

Scheduler::Scheduler(AgentState& state, const std::vector<JobConfig>& jobs, const TimeZone& zone, Timers& timers, const Clock& clock, RunJob run)
    : state_(state), jobs_(jobs), zone_(zone), timers_(timers), clock_(clock), run_(std::move(run)), agent_(state.agent_id()) {}

std::optional<Scheduler::Due> Scheduler::next(const JobConfig& job) const {
  if (!job.enabled) return std::nullopt;
  const WallTime now = clock_.wall();
  auto due = times(job).next(state_.job(job.name), now);
  if (!due) return std::nullopt;
  if (const auto until = paused_until(state_, job.name, now)) {
    if (*until == WallTime::max()) return std::nullopt;
    due->at = std::max(due->at, *until);
  }
  return Due{&job, due->at, due->why};
}

std::optional<Scheduler::Due> Scheduler::next() const {
  std::optional<Due> first;
  const auto last_start = [&, now = clock_.wall()](const JobConfig& job) { return believable(state_.job(job.name).last_start_ns(), now); };
  look_at_each([&](const JobConfig& job) {
    const auto due = next(job);
    if (!due) return;
    // Of those that are due now, the one that was started longest ago.
    if (!first || due->at < first->at || (due->at == first->at && last_start(job) < last_start(*first->job))) first = due;
  });
  return first;
}

template <class Look>
void Scheduler::look_at_each(Look look) const {
  for (auto& job : jobs_) {
    std::string problem;
    try {
      look(job);
    } catch (const failure& f) {
      problem = f.what();
    }
    std::string& told = told_[job.name];
    if (!problem.empty() && problem != told) log_error("job {}: when it is due is not known: {}; it is looked at again every minute", job.name, problem);
    if (problem.empty() && !told.empty()) log_info("job {}: when it is due is known again", job.name);
    told = std::move(problem);
  }
}

// A job that never ran waits for its next time from the moment at which it is first seen, over all restarts.  Where that lies ahead, the clock was set back
// since: it is seen now.
void Scheduler::note_new_jobs() {
  const std::int64_t now = clock_.wall().time_since_epoch().count();
  look_at_each([&](const JobConfig& job) {
    auto record = state_.job(job.name);
    const std::int64_t seen = record.first_seen_ns();
    if (seen > 0 ? seen <= now : record.last_start_ns() > 0) return;
    record.set_first_seen_ns(now);
    state_.set_job(job.name, record);
  });
}

task<void> Scheduler::run() {
  for (;;) {
    const std::string problem = co_await problem_of(turn());
    if (problem.empty()) continue;
    log_error("looking which job is due: {}; this is done again in a minute", problem);
    co_await timers_.sleep(kClockLook);
  }
}

task<void> Scheduler::turn() {
  note_new_jobs();
  const auto due = next();
  const WallTime now = clock_.wall();
  if (due && due->at <= now) {
    co_await run_one(*due);
    co_return;
  }
  const std::chrono::nanoseconds pause = due ? std::min(kClockLook, due->at - now) : kClockLook;
  co_await sleep_or(look_, pause);
}

task<void> Scheduler::sleep_or(Waiters& woken, std::chrono::nanoseconds pause) {
  auto asleep = [](Timers& timers, std::chrono::nanoseconds time) -> task<void> { co_await timers.sleep(time); };
  auto until = [](Waiters& waiters) -> task<void> { co_await waiters.wait(); };
  co_await race(asleep(timers_, pause), until(woken));
}

task<void> Scheduler::run_one(Due due) {
  const JobConfig& job = *due.job;
  const std::chrono::nanoseconds patience = times(job).patience(state_.job(job.name), clock_.wall());
  std::optional<Outcome> outcome;
  auto work = [&]() -> task<void> { outcome = co_await run_(job, due.why, patience); };
  running_ = &job;
  cancelled_ = false;
  std::exception_ptr error;
  try {
    co_await race(work(), wait_for_stop(job));
  } catch (...) {
    error = std::current_exception();
  }
  running_ = nullptr;
  if (error) std::rethrow_exception(error);
  if (outcome == Outcome::not_run) {
    if (!std::exchange(waits_, true)) log_info("job {}: is due, and waits: another farkeep works with {} (a run by hand, say)", job.name, state_.folder());
    co_await timers_.sleep(kNotRun);
    co_return;
  }
  waits_ = false;
  auto record = state_.job(job.name);
  if (outcome == Outcome::failed) {
    times(job).failed(record, clock_.wall());
    if (record.retry_at_ns() > 0) log_info("job {}: is tried again at {}", job.name, rfc3339(WallTime{std::chrono::nanoseconds(record.retry_at_ns())}));
  } else if (outcome == Outcome::done) {
    JobTimes::settled(record);
  } else if (cancelled_) {
    JobTimes::settled(record);
    record.set_running(false);
    record.set_last_end_ns(clock_.wall().time_since_epoch().count());
    record.set_last_text("it was cancelled");
    log_warning("job {}: it was cancelled", job.name);
  } else {
    log_info("job {}: its window closes; it goes on when the next one opens", job.name);
  }
  state_.set_job(job.name, record);
}

// Returns when the run must not go on.
task<void> Scheduler::wait_for_stop(const JobConfig& job) {
  for (;;) {
    const WallTime now = clock_.wall();
    const auto stop = times(job).must_stop(now);
    if (cancelled_ || (stop && *stop <= now)) co_return;
    const std::chrono::nanoseconds pause = stop ? std::min(kClockLook, *stop - now) : kClockLook;
    co_await sleep_or(stop_, pause);
  }
}

bool Scheduler::cancel(const std::string& job) {
  if (!running_ || running_->name != job) return false;
  cancelled_ = true;
  stop_.wake_all();
  return true;
}

std::optional<WallTime> paused_until(const AgentState& state, const std::string& job, WallTime now) {
  std::optional<WallTime> out;
  const auto all = state.pauses();
  for (auto& p : all.pause()) {
    if (!p.job().empty() && p.job() != job) continue;
    // One that began at a time that lies ahead began under another clock, and so does its end lie.  A backup too many is better than none for years.
    if (p.until_ns() != 0 && p.since_ns() != 0 && believable(p.since_ns(), now) == 0) continue;
    const WallTime until = p.until_ns() == 0 ? WallTime::max() : WallTime{std::chrono::nanoseconds(p.until_ns())};
    if (until > now && (!out || until > *out)) out = until;
  }
  return out;
}

void pause_job(AgentState& state, const std::string& job, WallTime until, WallTime now) {
  resume_job(state, job);
  auto all = state.pauses();
  auto* p = all.add_pause();
  p->set_job(job);
  p->set_since_ns(now.time_since_epoch().count());
  p->set_until_ns(until == WallTime::max() ? 0 : until.time_since_epoch().count());
  state.set_pauses(all);
}

void resume_job(AgentState& state, const std::string& job) {
  const auto all = state.pauses();
  agent::pb::Pauses kept;
  for (auto& p : all.pause())
    if (!job.empty() && p.job() != job) *kept.add_pause() = p;
  state.set_pauses(kept);
}

}  // namespace farkeep
