#pragma once

#include <cstdint>
#include <optional>
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
  Digest id;  ///< zero: not known
  std::uint64_t sequence = 0;
  std::uint64_t missing_from = 0;  ///< not 0: the server does not show it, nor those from this number on; another one says that it was there
  bool on_its_way = false;         ///< missing here, and in all honesty: the other server has it, or is known to
  std::string elsewhere;           ///< the server that has it, where this one does not; for messages
  Digest previous;
  ObjectId root;
  WallTime server_time;  ///< when the server acknowledged it
  WallTime agent_time;
  bool is_protected = false;  ///< both servers of the pair have acknowledged it
  bool ours = false;          ///< made by a holder of this machine's root key, as far as its format lets us know
  bool bound = false;         ///< of format 2: nothing in it can have been exchanged
  bool credible = true;       ///< false: it was not made by this agent, or nothing speaks for it (problem says which)
  std::string problem;        ///< not empty: it is there, but does not open or verify; why
  SnapshotDetails details;
};

/// What a list is held against.
struct SnapshotTrust {
  const AgentKeys& keys;
  TrustedRoots roots;            ///< the data centres': manifests and receipts are checked against it
  std::vector<ServerId> pair;    ///< whose receipts make a snapshot protected
  std::uint64_t bound_from = 0;  ///< no statement of format 1 is believed from this number on; 0: not known
};

/// All snapshots of the vault, oldest first, read page by page.
/// Snapshots whose key envelope, signature or binding fails are listed with a problem: they must be seen.  So are those that the server does not show although
/// a later one says that it follows them (missing_from); where the mirror did not come yet that may be in all honesty: look_elsewhere() tells.  A server that shows too many which this agent
/// cannot have made (kMostForged, kMostStrange), or too many at all, is not listened to any longer: failure(rollback).
task<std::vector<SnapshotInfo>> list_snapshots(VaultPort& vault, SnapshotTrust trust, Workers& workers);
inline constexpr std::size_t kMostForged = 64;      ///< whose signature or binding does not hold: no disk makes such
inline constexpr std::size_t kMostStrange = 4096;   ///< of format 1, and without a receipt that holds, or closed and by another key than this machine's: an old machine's with lost envelopes, or made up

/// Whether two serialised SignedReceipts for this snapshot are of two different servers of the pair.
bool proves_protection(const RemoteSnapshot& row, const Digest& id, const TrustedRoots& roots, const std::vector<ServerId>& pair);

/// Rows of `all` that are missing, held against what the other server lists, and against what it is known to have when it was not reached (`others` empty).
/// Those that it has get its details; their problem goes where they may still be on their way, and stays where this server must have had them: after a
/// snapshot that is on both servers.
struct Elsewhere {
  std::string here, other;                          ///< names, for messages
  std::optional<std::vector<SnapshotInfo>> others;  ///< nothing: it was not reached
  std::uint64_t known = 0;                          ///< the newest number that it is known to have
};
void look_elsewhere(std::vector<SnapshotInfo>& all, const Elsewhere& elsewhere);

/// The newest that the server shows, and that a holder of this machine's root key made; null: none.
const SnapshotInfo* newest_there(const std::vector<SnapshotInfo>& all);

/// The one that `name` means: `latest`, `latest:JOB`, or the first hex digits of an id.
/// Throws usage when several match, and not_here: not_found, for another server may show it, and busy for one that is on the other server alone.  A newer credible snapshot that does not open may be the latest: damaged, so that the other server is
/// asked.  A server must not lead a restore to an older snapshot by sending less of a newer one.
const SnapshotInfo& pick_snapshot(const std::vector<SnapshotInfo>& all, const std::string& name);

}  // namespace farkeep
