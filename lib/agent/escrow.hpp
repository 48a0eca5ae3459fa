#pragma once

#include <string>

#include "agent/servers.hpp"
#include "agent/state.hpp"
#include "agent/vault_port.hpp"
#include "base/clock.hpp"
#include "crypto/key_slot.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// Recovery by the organisation (KEYS.md §3): the root key, sealed to the organisation's public key, in a slot on both servers.

/// The key in a file that the configuration names.  Throws failure(configuration) that says what to do.
EscrowPublicKey read_escrow_key(Disk& disk, const std::string& file);

/// True: a server has acknowledged the slot that this agent made for the key.
bool has_escrow_slot(const AgentState& state, const EscrowPublicKey& key);

/// Puts a slot for the key into the vault, the same one until it is acknowledged, and remembers it.
task<void> put_escrow_slot(AgentState& state, VaultPort& vault, EscrowPublicKey key, const Clock& clock, Random& random);

/// Does the same on the first server that answers, if the configuration names a key and no slot is known: registration may have ended
/// between the two.  For whoever wants to go on: says what it did, and what it could not do now.  `key_file`: may be empty.
struct EscrowParts {
  AgentState& state;
  Servers& servers;
  ServerChoice& choice;
  const Clock& clock;
  Random& random;
  Reporter& reporter;
};
task<void> keep_escrow(EscrowParts parts, std::string key_file);

}  // namespace farkeep
