#pragma once

#include <optional>

#include "agent/heads.hpp"
#include "agent/progress.hpp"
#include "agent/servers.hpp"
#include "agent/state.hpp"
#include "crypto/certificate.hpp"
#include "crypto/key_slot.hpp"
#include "crypto/recovery_key.hpp"

namespace farkeep {

/// Taking over a lost machine's vault on this one: 1. the agent's identity (enrol)  2. its root key.  The folder says at any time how far that came, so the same
/// command given again goes on; nothing is ever written as a root key but the root key.

/// What opens the vault: the paper, the organisation's key, or the passphrase.
struct RecoverySource {
  RecoverySource() = default;
  std::optional<RecoveryKey> sheet;
  std::optional<EscrowPrivateKey> escrow;
  SecretText passphrase;
};

/// Why what this registered machine has for an identity cannot be used: the file, or its key, or that they do not fit.  Empty: it can.
std::string problem_of_identity(const AgentState& state);

/// Whether all certificates of this machine's identity have expired at that time: it was off for longer than they live.
bool has_expired(const AgentState& state, WallTime now);

enum class RecoveryStage : std::uint8_t {
  identity,   ///< all of it is to be done
  root_key,   ///< the agent is this machine's, its key is still to be found
  done,       ///< nothing is: this machine has both
  other_key,  ///< this machine has both, and its key is not the paper's
  wrong_key,  ///< this machine has both, and its key is not the agent's: the right one is still to be found
};
/// How far the recovery of `agent` came in this folder: an identity or key that cannot be used is to be made anew.  Throws usage when the machine is another agent.
RecoveryStage recovery_stage(const AgentState& state, const AgentId& agent, const std::optional<RecoveryKey>& sheet);

/// Before an identity is made anew: whether the root key that is here says that it is the agent's, and so needs not be found again.  One that is another than the
/// paper's is put aside.
bool keeps_root_key(AgentState& state, const AgentId& agent, const std::optional<RecoveryKey>& sheet);

struct RecoveryParts {
  AgentState& state;
  Servers& servers;  ///< shows the agent's certificate; opens nothing
  ServerChoice& choice;
  Reporter& reporter;
  TrustedRoots roots;
};
/// What recovery_stage() said, after a look at the servers where it said that a key is here: wrong_key where they show what the agent has saved, and nothing of it was
/// made with that key.  A server that does not answer changes nothing.  Throws identity when the key here is not the paper's, and not known to be wrong.
task<RecoveryStage> checked_stage(RecoveryParts parts, RecoveryStage stage);
/// Finds the root key and keeps it: from the paper, or from the servers' slots, whichever key fits what the agent has saved (look_for_fit).  One that is here already
/// is put aside only for one that is known to fit.  Notes what was passed over, and when there was nothing to hold a key against.
/// Throws bad_secret when nothing opens or nothing fits, not_found when there is no slot for such a secret, identity when the paper is another agent's, or the servers
/// contradict each other.
task<void> recover_root_key(RecoveryParts parts, RecoverySource source);

/// Where the last number that was given can be read no more: makes it anew, kNumbersLeftOut above all that the servers show and this machine remembers.
/// Returns that number, or 0 where nothing was to do.  Throws unreachable when no server answers.
task<std::uint64_t> renew_last_given(HeadParts parts);
inline constexpr std::uint64_t kNumbersLeftOut = 500;  // for those that no server took; LOCKING.md §3 leaves 1,000, so as many runs may fail afterwards

}  // namespace farkeep
