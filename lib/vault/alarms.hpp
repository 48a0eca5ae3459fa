#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "transport/notice.hpp"
#include "vault/alarm_text.hpp"
#include "vault/registry.hpp"
#include "vault/registry_limits.hpp"
#include "vault/standing.hpp"

namespace farkeep {

/// Decides what a server tells people of its agents' jobs: once that one is overdue, and once that it is well again.
///
/// - What they were told lies in the registry (registry.proto Alarm) and goes to the partner: neither a restart nor the other server says it again.  It is noted
///   before it is told: a server that is killed in between has not told it.
/// - All that is found at one look is one notice; the next one of its kind follows after kPause at the earliest, and has what came together until then.
/// - Both servers of a pair know who is overdue; the primary of the address directory tells.  The other one does when it has not reached the primary for
///   kPartnerAway.  When both run and cannot reach one another, both may tell: twice is better than never.
/// - What should have come while this server did not run, its agents could not bring.  After an outage of more than kOutage nobody becomes overdue for as long
///   as the outage was, at least kLeastQuiet (which is also enough for the partner to say what it told meanwhile), at most kMostQuiet.  That all is well again
///   is told at any time.  Outages are seen by the wall clock, so a machine that slept counts as one; so does a first look, whoever looked before.
/// - That two machines work as one agent, as the agent itself tells, is told once, and again when that was over.
/// - Revoked agents alarm nobody.
///
/// Blocks; one call at a time.  Throws failure when the registry cannot be read or written: nothing is told then, and all is found again at the next look.
class Alarms {
 public:
  static constexpr std::chrono::nanoseconds kOutage = std::chrono::minutes{10};
  static constexpr std::chrono::nanoseconds kLeastQuiet = std::chrono::minutes{15}, kMostQuiet = std::chrono::hours{24};
  static constexpr std::chrono::nanoseconds kPartnerAway = std::chrono::minutes{30};
  static constexpr std::chrono::nanoseconds kPause = std::chrono::minutes{10};
  static constexpr std::size_t kMostJobs = registry_limits::kMaxAlarmJobs;  ///< of one agent; further ones are not told of

  /// `is_primary`: whether this server is its pair's primary now.  All outlive it.
  Alarms(Registry& registry, const Clock& clock, std::function<bool()> is_primary) : registry_(registry), clock_(clock), is_primary_(std::move(is_primary)) {}

  /// More often than every kOutage.  What is to be told now: at most one notice of each kind.  `anybody`: there is somebody to tell; while there is not, nothing
  /// counts as told.
  std::vector<Notice> look(bool anybody);

 private:
  struct Found;
  bool quiet(WallTime now);
  bool partner_is_away(WallTime now);
  void look_at(const vault::pb::Agent& agent, WallTime now, Found& found);

  Registry& registry_;
  const Clock& clock_;
  std::function<bool()> is_primary_;
  SteadyTime overdue_again_{}, recovered_again_{}, doubled_again_{};  // when the next notice of its kind may be
};

}  // namespace farkeep
