#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>

#include "base/clock.hpp"

namespace farkeep {

/// Slows guessing down: an address that failed ten times within a minute is not listened to until a minute has passed since
/// the first of them.  Remembers at most 4,096 addresses; beyond, the one that failed longest ago is forgotten (whoever has that many
/// addresses to guess from is stopped by the token's 256 bits, not by this).  Single-threaded.
class FailureLimit {
 public:
  explicit FailureLimit(const Clock& clock) : clock_(clock) {}

  /// How long this address has to wait; zero: it may try.
  std::chrono::seconds wait(const std::string& address);
  void note_failure(const std::string& address);

 private:
  using Times = std::deque<SteadyTime>;
  void forget_old(Times& times) const;

  const Clock& clock_;
  std::map<std::string, Times> failures_;
};

}  // namespace farkeep
