#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/job_times.hpp"
#include "agent/state.hpp"
#include "async/task.hpp"
#include "async/timers.hpp"
#include "async/waiters.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// Starts jobs when they are due (JobTimes), one at a time, the one that is due longest first; stops a run when its window closes.
///
/// What a job remembers lies in the agent's state, so a restart neither forgets nor repeats.  The wall clock is looked at again every minute: it may be
/// set, and machines sleep.
class Scheduler {
 public:
  enum class Outcome { done, failed, not_run };
  /// Runs a job that is due for that reason, at most so long in search of a server, and notes in the job's record what became of it.  What it throws, but for cancellation, is logged, and the
  /// next turn is a minute later.
  /// Cancelled, it stops at a durable point and leaves the job's record saying that it runs.
  using RunJob = std::function<task<Outcome>(const JobConfig&, JobTimes::Why why, std::chrono::nanoseconds patience)>;

  /// All collaborators outlive it.
  Scheduler(AgentState& state, const std::vector<JobConfig>& jobs, const TimeZone& zone, Timers& timers, const Clock& clock, RunJob run);

  struct Due {
    const JobConfig* job;
    WallTime at;
    JobTimes::Why why;
  };
  /// The next job and when it is due; nothing when no enabled job has a schedule, or all are paused.  A job whose record the disk refuses is told of in the
  /// log, and left out: the others are due all the same.
  std::optional<Due> next() const;
  /// When one job is due next; nothing: not by itself.
  std::optional<Due> next(const JobConfig& job) const;
  /// Until cancelled: a state that cannot be read or written stops nothing but one turn.
  task<void> run();

  /// Something has changed in the state, a pause: looks at once what is due.
  void look() { look_.wake_all(); }
  /// Ends the run of this job if it goes on, and what is left of it: it begins anew at its next time.  False: it does not run.
  bool cancel(const std::string& job);
  /// The job that runs, or null.
  const JobConfig* running() const noexcept { return running_; }

 private:
  JobTimes times(const JobConfig& job) const { return JobTimes(job, agent_, zone_); }
  void note_new_jobs();
  template <class Look>
  void look_at_each(Look look) const;
  task<void> turn();
  task<void> run_one(Due due);
  task<void> wait_for_stop(const JobConfig& job);
  task<void> sleep_or(Waiters& woken, std::chrono::nanoseconds pause);

  AgentState& state_;
  const std::vector<JobConfig>& jobs_;
  const TimeZone& zone_;
  Timers& timers_;
  const Clock& clock_;
  RunJob run_;
  AgentId agent_;
  const JobConfig* running_ = nullptr;
  bool cancelled_ = false, waits_ = false;
  Waiters stop_, look_;
  mutable std::map<std::string, std::string> told_;  // of a job, what keeps it from being looked at
};

/// Until when a job is paused: WallTime::max() is until it is resumed; nothing: it is not.  A pause of all counts for each.
std::optional<WallTime> paused_until(const AgentState& state, const std::string& job, WallTime now);
/// Pauses a job, or all (""), from now until then; WallTime::max(): until it is resumed.
void pause_job(AgentState& state, const std::string& job, WallTime until, WallTime now);
/// Ends its pause, or all of them ("").
void resume_job(AgentState& state, const std::string& job);

}  // namespace farkeep
