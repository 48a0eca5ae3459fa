#pragma once

#include "base/clock.hpp"
#include "vault/identity.hpp"
#include "vault/vault.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

/// Signs receipts as this server, at its own time.  What it makes is a serialised wire SignedReceipt.
class ServerReceipts final : public ReceiptMaker {
 public:
  ServerReceipts(const Identity& identity, const Clock& clock) : identity_(identity), clock_(clock) {}
  Buffer make(const AccountId& account, const AgentId& agent, std::uint64_t sequence, const Digest& statement) override;

 private:
  const Identity& identity_;
  const Clock& clock_;
};

/// Believes a manifest that its agent sends on its own connection: the key of the connection signed it, and its chain holds now.
class AgentManifests final : public ManifestJudge {
 public:
  AgentManifests(const Certificate& root, const VerifyKey& key, WallTime now) : root_(root), key_(key), now_(now) {}
  result<ManifestFacts> judge(ByteView manifest) override;

 private:
  const Certificate& root_;
  VerifyKey key_;
  WallTime now_;
};

/// Believes a manifest that the partner mirrors: the partner's own receipt for it says when it was accepted, and then its
/// certificate must have been valid; it may have expired since.
class MirroredManifests final : public ManifestJudge {
 public:
  MirroredManifests(const Certificate& root, wire::pb::Receipt receipt) : root_(root), receipt_(std::move(receipt)) {}
  result<ManifestFacts> judge(ByteView manifest) override;

 private:
  const Certificate& root_;
  wire::pb::Receipt receipt_;
};

}  // namespace farkeep
