#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/keys.hpp"
#include "agent/memory_plan.hpp"
#include "agent/progress.hpp"
#include "agent/snapshots.hpp"
#include "agent/vault_port.hpp"
#include "async/workers.hpp"
#include "platform/target_tree.hpp"

namespace farkeep {

struct RestoreOrder {
  std::string target;               ///< folder; made when missing
  std::vector<std::string> paths;   ///< absolute paths in the snapshot; none: everything
  Overwrite overwrite = Overwrite::always;
};

struct RestoreResult {
  Progress progress;
  std::uint64_t not_applied = 0;    ///< metadata that this user may not set
  std::vector<std::string> problems;  ///< the first 100
};

/// Writes a snapshot, or parts of it, below a target folder, and never anywhere else.
///
/// Content is verified before it is written.  A file that cannot be written is reported and the rest goes on; data that is missing or damaged
/// on the server ends the restore with an alarm, after saying which file.
class Restore {
 public:
  Restore(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, MemoryPlan memory = {});
  ~Restore();
  task<RestoreResult> run(const SnapshotInfo& snapshot, RestoreOrder order);

 private:
  VaultPort& vault_;
  const AgentKeys& keys_;
  Workers& workers_;
  Reporter& reporter_;
  const MemoryPlan memory_;
};

}  // namespace farkeep
