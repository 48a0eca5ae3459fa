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
  std::int64_t time_ns() const override { return clock_.wall().time_since_epoch().count(); }
  Buffer make(const AccountId& account, const AgentId& agent, std::uint64_t sequence, const Digest& statement) override;

 private:
  const Identity& identity_;
  const Clock& clock_;
};

/// Believes a manifest that its agent sends on its own connection: the key of the connection signed it, and its chain holds now.
class AgentManifests final : public ManifestJudge {
 public:
  AgentManifests(TrustedRoots roots, const VerifyKey& key, WallTime now) : roots_(std::move(roots)), key_(key), now_(now) {}
  result<ManifestFacts> judge(ByteView manifest) override;

 private:
  TrustedRoots roots_;
  VerifyKey key_;
  WallTime now_;
};

/// Believes a manifest that the partner mirrors: the partner's own receipt for it says when it was accepted, and then its
/// certificate must have been valid; it may have expired since.
class MirroredManifests final : public ManifestJudge {
 public:
  MirroredManifests(TrustedRoots roots, wire::pb::Receipt receipt) : roots_(std::move(roots)), receipt_(std::move(receipt)) {}
  result<ManifestFacts> judge(ByteView manifest) override;

 private:
  TrustedRoots roots_;
  wire::pb::Receipt receipt_;
};

}  // namespace farkeep
