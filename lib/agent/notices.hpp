#pragma once

#include <functional>
#include <set>
#include <string>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "config/zone.hpp"
#include "transport/notice.hpp"

namespace farkeep {

/// Decides what is told of the daemon's jobs.
///
/// People hear of a problem once: when a job fails for the first time since its last snapshot, when a run raises an alarm although it makes one, when its snapshot lacks a source (lacking.hpp), when it is overdue, and when it is well again; what they were told
/// lies in the job's record, so a restart repeats nothing.  With `when = all` also of each run's beginning and end.  Ping addresses hear of each run.
class Notices {
 public:
  using Tell = std::function<void(Notice)>;
  /// Jobs of which people know that nobody knows how they stand.  What cannot be read is mostly not written either, so it lies in no record.
  using Unknown = std::set<std::string>;
  /// All outlive it; `unknown` also outlives a configuration, so that one read again repeats nothing.
  Notices(AgentState& state, const AgentConfig& config, const TimeZone& zone, const Clock& clock, Unknown& unknown, Tell tell)
      : state_(state), config_(config), zone_(zone), clock_(clock), unknown_(unknown), tell_(std::move(tell)) {}

  /// A run begins; not before its before hooks have let it.
  void started(const JobConfig& job);
  /// A run has ended, by itself.  `problem`: why it failed; empty: it has made a snapshot, and the job's record says how.  Not for one that a before hook has skipped:
  /// of that nobody hears.
  void ended(const JobConfig& job, const std::string& problem);
  /// Once a minute: what time alone brings, and what was done by hand.
  void look();

 private:
  void look_at(const JobConfig& job);
  void tell(Notice::Event event, const JobConfig& job, std::string text, bool to_people, std::string ping = {});

  AgentState& state_;
  const AgentConfig& config_;
  const TimeZone& zone_;
  const Clock& clock_;
  Unknown& unknown_;
  Tell tell_;
};

}  // namespace farkeep
