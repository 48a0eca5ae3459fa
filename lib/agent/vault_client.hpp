#pragma once

#include <string>

#include "agent/asked_records.hpp"
#include "agent/vault_port.hpp"
#include "crypto/certificate.hpp"
#include "transport/peer.hpp"

namespace farkeep {

/// A vault spoken to over a connection (PROTOCOL.md §3).
///
/// Receipts are verified against the data centres' roots before a commit counts.
class VaultClient final : public VaultPort {
 public:
  /// `peer` runs, and outlives this.  `name`: of the server, for messages.
  VaultClient(Peer& peer, TrustedRoots roots, std::string name) : peer_(peer), roots_(std::move(roots)), name_(std::move(name)) {}
  /// The roots from now on: the server may have told of a new one.
  void trust(TrustedRoots roots) { roots_ = std::move(roots); }

  /// The first words on a connection: versions, and the server's clock.
  static task<wire::pb::HelloReply> hello(Peer& peer, const Clock& clock);
  /// Opens the agent's own vault.
  task<void> open();

  const VaultFacts& facts() const override { return facts_; }
  std::string server() const override { return name_; }
  ServerId server_id() const override { return peer_.identity().server; }
  task<std::vector<bool>> have(std::vector<ObjectId> ids) override;
  task<void> put(Buffer records, std::function<void()> on_its_way, Haste haste) override;
  task<Commit> commit(Buffer manifest) override;
  task<std::vector<RemoteSnapshot>> snapshots(std::uint64_t after) override;
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, Sink sink) override;
  task<std::vector<ObjectId>> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) override;
  task<void> report(Buffer report) override;
  task<void> add_slot(Buffer slot) override;
  task<std::vector<Buffer>> slots() override;

 private:
  task<std::vector<ObjectId>> fetch(wire::pb::Get ask, AskedRecords asked, Sink sink);

  Peer& peer_;
  TrustedRoots roots_;
  const std::string name_;
  VaultFacts facts_;
};

}  // namespace farkeep
