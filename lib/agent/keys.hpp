#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/state.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "chunk/chunker.hpp"
#include "crypto/certificate.hpp"
#include "crypto/keyring.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// Who this agent is, and how it proves that to a server.  The root key is no part of it: whoever recovers has none yet.
struct AgentCredentials {
  AccountId account;
  AgentId agent;
  std::string name;
  SigningKey signing;
  std::vector<Certificate> chain;  ///< own certificate, issuing authority

  /// From the state folder.  Throws configuration when the machine is not registered or its key is gone, damaged when they cannot be read.
  /// Certificates for another key than this machine's count for nothing: an older version kept what a server sent.  identity when there is no other.
  /// With `now`: where the newest certificate is not valid then (a clock was wrong when it was made), an earlier one that is.
  static AgentCredentials load(const AgentState& state, std::optional<WallTime> now = std::nullopt);
};

/// What an agent needs to make and read its own archive, too.
struct AgentKeys : AgentCredentials {
  KeyRing ring;
  CutKey cut_key;

  /// Throws what AgentCredentials::load() and AgentState::root_key() throw.
  static AgentKeys load(const AgentState& state, std::optional<WallTime> now = std::nullopt);
};

/// What keeps a server's answer to a renewal from being kept; empty: nothing.  It must be for the key that asked, of the same agent and account, and end no
/// sooner than what it replaces: certificates of an hour would push all good ones out.
std::string objection_to_renewal(const AgentCredentials& present, const CertificateName& name, const Certificate& renewed, WallTime now);
/// Whether it ends so much later, by half of the present one's life, that nobody else need be asked: a server could give a second more at each renewal until it
/// gives nothing, and then it is too late to go to the other one.  Honest ones give two thirds of it, whenever they are asked in time.
bool gains_enough(const AgentCredentials& present, const Certificate& renewed, WallTime now);
/// Makes this chain the newest one.  Those before it are kept, the good ones: it has not worked yet.
void keep_new_chain(AgentState& state, const google::protobuf::RepeatedPtrField<std::string>& chain);

}  // namespace farkeep
