#pragma once

#include <memory>
#include <vector>

#include "vault/receipts.hpp"
#include "vault/registry.hpp"

namespace farkeep {

/// Every key that an agent has here, or had: its old snapshots are mirrored, too.  None for an agent that is not known.  Blocking.
std::vector<VerifyKey> keys_of(Registry& registry, const AgentId& agent);

/// Believes what another judge believes, if one of these keys signed it.  A certificate is not enough: a stolen issuing key certifies any key as
/// any agent's, and the server that it was stolen from may mirror.
class SignedByKnownKey final : public ManifestJudge {
 public:
  SignedByKnownKey(std::unique_ptr<ManifestJudge> judge, std::vector<VerifyKey> keys) : judge_(std::move(judge)), keys_(std::move(keys)) {}
  result<ManifestFacts> judge(ByteView manifest) override;

 private:
  std::unique_ptr<ManifestJudge> judge_;
  std::vector<VerifyKey> keys_;
};

}  // namespace farkeep
