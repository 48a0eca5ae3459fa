#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/progress.hpp"
#include "agent/state.hpp"
#include "agent/vault_port.hpp"
#include "async/timers.hpp"
#include "base/clock.hpp"
#include "crypto/certificate.hpp"
#include "crypto/random.hpp"
#include "transport/line.hpp"

namespace farkeep {

struct EnrolParts {
  AgentState& state;
  const Certificate& authority;
  Line& line;
  Timers& timers;
  const Clock& clock;
  Random& random;
  Reporter& reporter;
};

/// The first contact: with the registration pair, by address, with a token.
///
/// Makes the agent's key here (it never leaves this machine), gets a certificate, the account and the assigned pair, and keeps all of it.  The root key is made
/// when there is none.  Interrupted at any point it can be repeated: the key that was made is used again.
/// With `recover`, the vault of that agent is taken over: its root key is then put in place by the caller.
struct EnrolOrder {
  std::vector<std::string> servers;  ///< ip[:port], primary first
  std::string token;
  std::string name;
  std::optional<AgentId> recover;
};
task<void> enrol(EnrolParts parts, EnrolOrder order);

/// Gets a new certificate when less than a third of the present one's life is left.  True if it did.
task<bool> renew_if_due(EnrolParts parts);
/// The same for whoever wants to go on: says what it did, and what it could not do now.
task<void> keep_certificate(EnrolParts parts);

/// Puts a passphrase slot for the root key on the server, so that a machine that is lost can be recovered with it.
task<void> add_passphrase_slot(AgentState& state, VaultPort& vault, ByteView passphrase, Random& random);
/// The root key out of the vault's slots.  Throws bad_secret when the passphrase opens none.
task<SecretKey> root_key_from_slots(VaultPort& vault, const SecretText& passphrase);

}  // namespace farkeep
