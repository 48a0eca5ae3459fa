#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/keys.hpp"
#include "agent/vault_port.hpp"
#include "archive/manifest.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"

namespace farkeep {

/// A snapshot as listed: what its manifest says, after its signature was checked and its details were opened.
struct SnapshotInfo {
  Digest id;
  std::uint64_t sequence = 0;
  ObjectId root;
  WallTime server_time;  ///< when the server acknowledged it
  WallTime agent_time;
  bool is_protected = false;  ///< the partner has acknowledged it too
  std::string problem;        ///< not empty: it is there, but does not open or verify; why
  SnapshotDetails details;
};

/// All snapshots of the vault, oldest first.  `authority` is the data centres' root: manifests and receipts are checked against it.
/// Snapshots whose key envelope or signature fails are listed with a problem: they must be seen.
task<std::vector<SnapshotInfo>> list_snapshots(VaultPort& vault, const AgentKeys& keys, const Certificate& authority, Workers& workers);

/// Whether a serialised SignedReceipt is about this snapshot, and of a server under the root.
bool valid_receipt(ByteView receipt, const Digest& id, const Certificate& authority);

/// The one that `name` means: `latest`, `latest:JOB`, or the first hex digits of an id.
/// Throws not_found, or usage when several match.
const SnapshotInfo& pick_snapshot(const std::vector<SnapshotInfo>& all, const std::string& name);

}  // namespace farkeep
