#pragma once

#include <string>

#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "transport/identity.hpp"
#include "vault/directory.hpp"
#include "vault/identity.hpp"
#include "vault/registry.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

/// Whether the agent's recovery key signed this request for a new key: over "farkeep/1/recover" ‖ agent id ‖ csr.
bool proves_recovery(const vault::pb::Agent& agent, const std::string& csr, const std::string& signature);

/// How machines get certificates: agents by a token, servers by an invitation (PROTOCOL.md §3).
///
/// Blocking; worker threads, several at once.  Throws failure with a text for the asking side: bad_token, malformed (a request that is none),
/// not_found, unauthorised, identity, busy (this server's clock is not believed: clock_guard.hpp).  Counting failures per address is the caller's.
class Registration {
 public:
  Registration(Registry& registry, const Identity& identity, AddressDirectory& directory, const Clock& clock, const ClockGuard& guard, Random& random)
      : registry_(registry), identity_(identity), directory_(directory), clock_(clock), guard_(guard), random_(random) {}

  /// A new agent, or a recovered one.  A recovery needs a token made for it, or, in its place, a signature by the recovery key
  /// that was told at registration, over "farkeep/1/recover" ‖ agent id ‖ csr; that one lets no revoked agent in, and no retired key.
  wire::pb::Registered register_agent(const wire::pb::Register& request);
  /// A new certificate for an agent that has one, with the same key.
  wire::pb::Renewed renew(const PeerIdentity& who, const wire::pb::Renew& request);
  /// Admits the partner, in the place of one that there may have been: the invitation is the administrator's word.  Only the server
  /// with the root's key can.
  wire::pb::Joined join(const wire::pb::Join& request);

 private:
  std::vector<Certificate> certify(const CertificateRequest& csr, const AccountId& account, const AgentId& agent);

  Registry& registry_;
  const Identity& identity_;
  AddressDirectory& directory_;
  const Clock& clock_;
  const ClockGuard& guard_;
  Random& random_;
};

}  // namespace farkeep
