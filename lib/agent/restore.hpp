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
  std::vector<std::string> paths;   ///< absolute paths in the snapshot; none: everything.  In any order, also one in another: each entry is restored once
  Overwrite overwrite = Overwrite::always;
  Ownership ownership = Ownership::names;
  Special special = Special::leave_out;  ///< restore: asked for, or made_here() (own_snapshots.hpp)
};

struct RestoreResult {
  Progress progress;
  std::uint64_t not_applied = 0;    ///< entries that lack some of their metadata
  std::uint64_t left_out = 0;       ///< entries of which Special::leave_out kept something back
  std::uint64_t lost = 0;           ///< entries that no server has a usable copy of, or of their content; among the problems
  std::vector<std::string> problems;  ///< the first 100
  std::vector<std::string> not_set;   ///< of what was not applied, the first 100: what, why, and what to do about it
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
/// Content is verified before it is written.  What cannot be written is reported and the rest goes on.  So is a file whose content no server has a usable copy
/// of; where the other server was not reached, the restore throws that at its end.  With `done` such a restore, and one whose server failed otherwise, can be gone
/// on with from another server: no file that was finished is touched again.
/// Folders that only lead to what was asked for, and stand there already, keep their metadata.
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
