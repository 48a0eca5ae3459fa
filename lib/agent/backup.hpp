#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/keys.hpp"
#include "agent/lacking.hpp"
#include "agent/memory_plan.hpp"
#include "agent/progress.hpp"
#include "agent/scanner.hpp"
#include "agent/state.hpp"
#include "agent/vault_port.hpp"
#include "archive/record_codec.hpp"
#include "async/child.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "crypto/random.hpp"

namespace farkeep {

/// What a run backs up: a [job NAME] section.
struct BackupJob {
  std::string name;
  std::vector<std::string> sources;  ///< absolute paths
  ExcludeRules rules;
  ScanOptions scan;
  CompressionLevel compression = CompressionLevel::automatic;
  std::vector<std::string> tags;
  std::vector<CommandSource> commands;  ///< what they print stands below command-output
  HookCommands hooks;                   ///< around a run, not around each attempt
  Shrunk shrunk = Shrunk::told;         ///< a source that is empty, or far smaller than before
};

struct BackupResult {
  Digest snapshot;
  std::uint64_t sequence = 0;
  Progress progress;
  Buffer receipt;  ///< serialised SignedReceipt
  struct Problem {
    std::string path, text;
  };
  std::vector<Problem> problems;  ///< the first 100
  CountedPaths vanished;          ///< no problem: such a snapshot is complete
  CountedPaths flagged;           ///< with flags that no snapshot holds
  std::vector<SourceFound> sources;  ///< what the walk found of each
  std::vector<Lack> lacks;        ///< what is missing of the sources as a whole
  std::string hook_problem;       ///< why an after hook failed; empty: none did
  std::string alarm;              ///< empty: none.  A server showed another history than it may, and the snapshot was made on the other one; or a manifest was put aside
  bool complete() const noexcept { return progress.unreadable + progress.without_attributes + progress.changed_while_read == 0 && lacks.empty() && hook_problem.empty(); }
  /// What is not complete, in words; empty: nothing.
  std::string shortcomings() const;
};

/// What a run works with.  All of it outlives the run.
struct BackupParts {
  AgentState& state;
  const AgentKeys& keys;
  Workers& workers;
  Timers& timers;
  const Clock& clock;
  Random& random;
  Reporter& reporter;
  SourceTree& sources = system_sources();  ///< where the job's sources lie
  Children& children = system_children();  ///< who runs its commands
  MemoryPlan memory = {};
};

/// One attempt to make a snapshot of a job in an opened vault.
///
/// Walks the sources, takes over what is unchanged since the last snapshot or since an interrupted attempt, reads, cuts, seals and sends the
/// rest, then the catalog, then the signed manifest; returns when the server has acknowledged the snapshot.  Without any source there is no snapshot.
///
/// Throws failure when it cannot; everything read so far stays in the run's journals, so the next attempt, on this server or the
/// other one, after a crash or a reboot, sends nothing again that the server then has.  A manifest is durable on this machine before it is
/// sent; an attempt that finds one whose fate is unknown sends those same bytes first.  Cancelling is a failure like any other.
class BackupAttempt {
 public:
  /// `trust`: what the last snapshot refers to is not asked about if the server has that snapshot.  False after a commit that found
  /// something missing: then every id is asked about.
  BackupAttempt(BackupParts parts, const BackupJob& job, VaultPort& vault, bool trust);
  ~BackupAttempt();
  task<BackupResult> run();

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

/// Sends the manifest that was left pending, if there is one.  Its number is used up either way.  One that the server will never take (its number is another's,
/// or too low; its certificate has expired) or that cannot be read is put aside: an alarm, which is returned.
task<std::string> settle_pending(AgentState& state, VaultPort& vault, Reporter& reporter, const Clock& clock);

}  // namespace farkeep
