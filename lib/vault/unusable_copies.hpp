#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "transport/notice.hpp"

namespace farkeep {

/// What clients reported of copies that do not hold what their ids promise (PROTOCOL.md §3.5): a server cannot see it itself.
///
/// Each report is counted and logged, but for a flood; people are told at most once every kPause.  One thread.
class UnusableCopies {
 public:
  static constexpr std::chrono::nanoseconds kPause = std::chrono::hours{1};

  explicit UnusableCopies(const Clock& clock) : clock_(clock) {}

  /// `objects` of the agent's vault were reported by `who`; of `without_other` there was no other copy.
  void saw(const AgentId& agent, const std::string& who, std::size_t objects, std::size_t without_other);
  /// What people should hear now.  `anybody`: there is somebody to tell; while there is not, nothing counts as told.
  std::optional<Notice> look(bool anybody);
  /// Since the program began.
  std::uint64_t objects() const noexcept { return objects_; }

 private:
  const Clock& clock_;
  std::uint64_t objects_ = 0;
  std::uint64_t told_ = 0, lost_ = 0;  // of objects_; and how many of the others had no other copy
  std::set<AgentId> agents_;           // of those that were not told yet
  SteadyTime log_again_{}, tell_again_{};
};

}  // namespace farkeep
