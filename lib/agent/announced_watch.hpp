#pragma once

#include "agent/doctor.hpp"

namespace farkeep {

/// Tries servers that are announced, so that a rule or a mapping that is missing is known while there is time: when they are first heard of,
/// and once a day until they are in force.  Log and address book say how it went.
class AnnouncedWatch {
 public:
  /// All outlive it.  The doctor uses connections of its own, beside those of a job.
  AnnouncedWatch(AgentState& state, const AgentConfig& config, const Certificate& authority, Timers& timers, const Clock& clock, Resolver& resolver, Random& random,
                 const SecretText& password)
      : state_(state), config_(config), authority_(authority), timers_(timers), clock_(clock), resolver_(resolver), random_(random), password_(password) {}
  /// Until cancelled.
  task<void> run();
  /// Those that are due.
  task<void> look();

 private:
  AgentState& state_;
  const AgentConfig& config_;
  const Certificate& authority_;
  Timers& timers_;
  const Clock& clock_;
  Resolver& resolver_;
  Random& random_;
  const SecretText& password_;
};

}  // namespace farkeep
