#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/state.pb.h"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// When a job runs, from what its section says and what is remembered of it.  Pure: clock and zone come from the caller.
///
/// - A scheduled time that passed while nothing ran (the machine slept, the daemon was stopped, the clock jumped) is made up for once, and never twice;
///   with `catch_up = no` it is left out when it passed more than kGrace ago.
/// - `jitter` moves every scheduled time of a job by the same number of seconds, which follows from the agent's id.
/// - A run that was cut off goes on at once; one that failed is tried again with growing pauses until `retry_for` after its first try has passed.
/// - All of this only within the job's windows.
class JobTimes {
 public:
  /// `machine`: the zone of jobs that name none.  All outlive it.
  JobTimes(const JobConfig& job, const AgentId& agent, const TimeZone& machine)
      : job_(job), agent_(agent), zone_(job.time_zone ? static_cast<const TimeZone&>(*job.time_zone) : machine) {}

  static constexpr std::chrono::minutes kGrace{5};

  enum class Why { schedule, missed, retry, continued };
  struct Due {
    WallTime at;
    Why why;
  };
  /// Nothing: only on request.  `at` is `now` when it is due.
  std::optional<Due> next(const agent::pb::Job& record, WallTime now) const;
  /// When a run that goes on now must stop, because its window closes; nothing: it may go on.
  std::optional<WallTime> must_stop(WallTime now) const;
  /// How long a run that begins now may go on looking for a server before it counts as failed; what is left of `retry_for`.
  std::chrono::nanoseconds patience(const agent::pb::Job& record, WallTime now) const;
  /// From when on the job is overdue if it makes no snapshot: overdue_after behind its first scheduled time since the last one (or since it is known);
  /// runs that are skipped do not change that.  `now` where the record was lost: it may be overdue already, and somebody must look.  Nothing: it has no schedule, or is never overdue.
  std::optional<WallTime> overdue_at(const agent::pb::Job& record, WallTime now) const;
  /// A run has failed: notes in the record when it is tried again, or that it is not.
  void failed(agent::pb::Job& record, WallTime now) const;
  /// A run has made its snapshot, or the job was given up.
  static void settled(agent::pb::Job& record);

  /// Whether the last run was skipped, as its before hook asked for.
  static bool was_skipped(const agent::pb::Job& record, WallTime now);

  std::chrono::seconds jitter() const;

 private:
  const JobConfig& job_;
  const AgentId& agent_;
  const TimeZone& zone_;
};

const char* name_of(JobTimes::Why why) noexcept;

}  // namespace farkeep
