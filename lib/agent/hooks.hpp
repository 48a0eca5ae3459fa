#pragma once

#include <exception>
#include <optional>
#include <string>

#include "agent/backup.hpp"

namespace farkeep {

/// The command lines around a run: before; after or after_failure; finally.
///
/// What runs `before` decides whether the run begins: status 0 yes, 75 (EX_TEMPFAIL of sysexits.h) no and quietly, any other is the run's failure and
/// what stands behind it does not run.  Of the others all run, even if one fails.  Each knows the run by its environment:
///
///   FARKEEP_JOB  FARKEEP_HOOK (before…)  FARKEEP_OUTCOME (done, incomplete, failed, skipped, stopped)  FARKEEP_SNAPSHOT  FARKEEP_ERROR
///   FARKEEP_FILES  FARKEEP_BYTES  FARKEEP_BYTES_SENT  FARKEEP_UNREADABLE  FARKEEP_CHANGED  FARKEEP_WITHOUT_ATTRIBUTES
class Hooks {
 public:
  static constexpr int kSkip = 75;

  /// All outlive it.
  Hooks(const BackupJob& job, Children& children, Timers& timers, Reporter& reporter) : job_(job), children_(children), timers_(timers), reporter_(reporter) {}

  /// False: the run is to be skipped.  Throws failure(command).
  task<bool> before();
  /// The snapshot is made.  What failed, in one text; empty: nothing.
  task<std::string> after(const BackupResult& result);
  task<void> after_failure(const std::string& error);
  /// `stopped`: the caller was cancelled, and has reset that; then each may take a minute at most.
  task<void> finally(std::string outcome, const std::string& error, bool stopped);

 private:
  using Facts = std::vector<std::string>;
  task<std::string> all(const std::vector<std::string>& commands, std::string hook, Facts facts, std::chrono::nanoseconds limit);
  task<int> one(const std::string& command, const std::string& hook, Facts facts, std::chrono::nanoseconds limit, int also);

  const BackupJob& job_;
  Children& children_;
  Timers& timers_;
  Reporter& reporter_;
};

}  // namespace farkeep
