#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>

#include "base/clock.hpp"

namespace farkeep {

/// Slows guessing of tokens down without locking anybody out who has a good one: behind one address there may be a whole company.
///
/// A token (its first bytes) that failed ten times within a minute from one address is not looked at again from there until a minute has passed since the
/// first of them: a machine that was given a wrong one and tries for ever.  An address with ten failures of any tokens within a minute is
/// answered slowly: whoever guesses waits for each guess, and a neighbour with a good token waits once.  Remembers at most 4,096 of each;
/// beyond, the one that failed longest ago is forgotten (whoever has that many addresses to guess from is stopped by the token's 256
/// bits, not by this).  Single-threaded.
class FailureLimit {
 public:
  explicit FailureLimit(const Clock& clock) : clock_(clock) {}

  /// How long this token has to wait at this address; zero: it may try.
  std::chrono::seconds wait(const std::string& address, const std::string& token);
  /// How long the next attempt from this address is to be held up before it is looked at.
  std::chrono::seconds delay(const std::string& address);
  void note_failure(const std::string& address, const std::string& token);

 private:
  using Times = std::deque<SteadyTime>;
  class Failures {
   public:
    void note(const std::string& key, SteadyTime now);
    /// Nothing, or since when there have been ten.
    const SteadyTime* tenth(const std::string& key, SteadyTime now);

   private:
    static void forget_old(Times& times, SteadyTime now);
    std::map<std::string, Times> all_;
  };

  const Clock& clock_;
  Failures addresses_, tokens_;
};

}  // namespace farkeep
