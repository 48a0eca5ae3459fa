#pragma once

#include <string>
#include <vector>

#include "agent/state.hpp"
#include "base/id.hpp"
#include "chunk/chunker.hpp"
#include "crypto/certificate.hpp"
#include "crypto/keyring.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// What an agent needs to make and read its own archive.
struct AgentKeys {
  AccountId account;
  AgentId agent;
  std::string name;
  KeyRing ring;
  CutKey cut_key;
  SigningKey signing;
  std::vector<Certificate> chain;  ///< own certificate, issuing authority

  /// From the state folder.  Throws configuration when the machine is not registered or its keys are gone.
  static AgentKeys load(const AgentState& state);
};

}  // namespace farkeep
