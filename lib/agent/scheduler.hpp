#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/state.hpp"
#include "async/task.hpp"
#include "async/timers.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// Starts jobs when they are due, one at a time, the one that is due longest first.
///
/// What a job remembers lies in the agent's state, so a restart neither forgets nor repeats: a run that was missed happens once, a run that was cut off
/// (crash, reboot) is continued at once.  The wall clock is looked at again every minute: it may be set, and machines sleep.
class Scheduler {
 public:
  using RunJob = std::function<task<void>(const JobConfig&)>;

  /// All collaborators outlive it.  `run` must not throw but for cancellation: what becomes of a run is its own business.
  Scheduler(AgentState& state, const std::vector<JobConfig>& jobs, const TimeZone& zone, Timers& timers, const Clock& clock, RunJob run);

  struct Due {
    const JobConfig* job;
    WallTime at;
  };
  /// The next job and when it is due; nothing when no enabled job has a schedule.
  std::optional<Due> next() const;
  /// Until cancelled.
  task<void> run();

 private:
  AgentState& state_;
  const std::vector<JobConfig>& jobs_;
  const TimeZone& zone_;
  Timers& timers_;
  const Clock& clock_;
  RunJob run_;
};

}  // namespace farkeep
