#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "transport/notice.hpp"
#include "vault/registry.hpp"

namespace farkeep {

/// Tells people how the mirror is: once when the partner is not reached, or does not get what is here, or has other snapshots under the same numbers, and once when that is over.  Agents go on with the server
/// that they reach, so nobody else would say that a second copy is missing.
///
/// What was told lies in the registry (AlarmWatch), so a restart says nothing again.  After its own start a server first tries: what was written down before is no news.
/// Blocks; one call at a time.
class MirrorWatch {
 public:
  static constexpr std::chrono::nanoseconds kAway = std::chrono::minutes{30};   ///< without an answer
  static constexpr std::chrono::nanoseconds kBehind = std::chrono::hours{12};   ///< with a failure, and no vault less behind: a first mirror of terabytes has none
  static constexpr std::chrono::nanoseconds kForks = std::chrono::hours{1};     ///< between two notices of agents whose snapshots differ: whoever has an agent's key can make that so
  static constexpr std::chrono::nanoseconds kTries = std::chrono::seconds{45};  ///< from the start of the program on

  /// `talks`: whether a conversation with the partner goes on; called in any thread.  All outlive it.
  MirrorWatch(Registry& registry, const Clock& clock, std::function<bool()> talks);

  /// `anybody`: there is somebody to tell; while there is not, nothing counts as told.
  std::optional<Notice> look(bool anybody);

 private:
  enum class State : std::uint32_t { well = 0, away = 1, behind = 2 };  // as in the registry
  State state(const vault::pb::MirrorState& mirror);
  std::optional<Notice> look_for_forks(const vault::pb::MirrorState& mirror, const std::string& partner);
  void note_forks(const std::set<std::string>& told);
  void note(State told);

  Registry& registry_;
  const Clock& clock_;
  const std::function<bool()> talks_;
  const SteadyTime began_;
  std::optional<State> told_;
  std::uint64_t behind_ = 0;
  std::optional<std::set<std::string>> told_forks_;  // agents
  std::optional<SteadyTime> last_forks_;
  SteadyTime moved_;  // when fewer were behind, or all was well
};

}  // namespace farkeep
