#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
  Special special = Special::leave_out;  ///< restore: asked for, or made_here() (own_snapshots.hpp)
};

struct RestoreResult {
  Progress progress;
  std::uint64_t not_applied = 0;    ///< metadata that this user may not set
  std::uint64_t left_out = 0;       ///< entries of which Special::leave_out kept something back
  std::vector<std::string> problems;  ///< the first 100
};

/// How far attempts at one order got which a server's failure ended: the next one, at the other server, goes on from there.  Entries are counted in the order of the
/// catalog, which is the same at every server that has the snapshot.
struct RestoreProgress {
  RestoreProgress();
  ~RestoreProgress();
  std::optional<Digest> snapshot;  ///< once anything was written: the next attempt takes this one and no other
  RestoreResult so_far;            ///< of what is finished

  struct Entries;
  std::unique_ptr<Entries> entries;
};

/// pick_snapshot(), but what an earlier attempt has begun.
const SnapshotInfo& pick_for_restore(const std::vector<SnapshotInfo>& all, const std::string& name, const RestoreProgress& done);

/// Writes a snapshot, or parts of it, below a target folder, and never anywhere else.
///
/// Content is verified before it is written.  A file that cannot be written is reported and the rest goes on; data that is missing or damaged
/// on the server ends the restore with an alarm, after saying which file.  With `done` such a restore, and one whose server failed otherwise, can be gone on with
/// from another server: no file that was finished is touched again.
class Restore {
 public:
  /// `other`: where to look for what this server has no usable copy of; may be null.
  Restore(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, MemoryPlan memory = {}, OtherVault* other = nullptr);
  ~Restore();
  task<RestoreResult> run(const SnapshotInfo& snapshot, RestoreOrder order, RestoreProgress* done = nullptr);

 private:
  VaultPort& vault_;
  const AgentKeys& keys_;
  Workers& workers_;
  Reporter& reporter_;
  const MemoryPlan memory_;
  OtherVault* const other_;
};

}  // namespace farkeep
