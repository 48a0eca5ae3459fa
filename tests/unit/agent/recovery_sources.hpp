#pragma once

#include "agent/recovery.hpp"

namespace farkeep::test {

/// With what an agent is recovered.
inline RecoverySource by_escrow(const EscrowPrivateKey& organisation) {
  RecoverySource source;
  source.escrow.emplace(EscrowPrivateKey::from_pem(organisation.to_pem().text()).value());
  return source;
}
inline RecoverySource by_paper(const SecretKey& root, const KeyOwner& owner) {
  RecoverySource source;
  source.sheet.emplace();
  source.sheet->root = root.copy();
  source.sheet->account = owner.account;
  source.sheet->agent = owner.agent;
  return source;
}

}  // namespace farkeep::test
