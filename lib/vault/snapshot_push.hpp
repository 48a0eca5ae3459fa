#pragma once

#include <deque>
#include <set>
#include <vector>

#include "crypto/certificate.hpp"
#include "transport/peer.hpp"
#include "vault/vault.hpp"

namespace farkeep {

/// Gives the partner snapshots that it lacks, from one vault, over one connection on which that vault is open (PROTOCOL.md §4).
///
/// The server cannot tell from an id whether it names a node or a chunk: what the partner lacks is read, and its record says so.  Data goes
/// as it is found, nodes are kept back and go after all data, lower ones first; so a node that the partner has stands for all below it, except
/// after a push that broke off between nodes, and then the commit's answer names what is missing.  The commit alone decides.
/// Memory: one batch of ids per level and the ids of new nodes.
class SnapshotPush {
 public:
  /// All outlive it.
  SnapshotPush(Peer& peer, Vault& vault, const Certificate& root, const ServerId& partner)
      : peer_(peer), vault_(vault), root_(root), partner_(partner) {}

  /// Returns when the partner's receipt is kept beside ours.  Throws failure: missing_object (this server itself lacks something),
  /// identity (the receipt is not right), wire::Refusal, disconnected.
  task<void> push(SnapshotRow row);

 private:
  struct Sent {
    Answer answer;
    std::size_t bytes;
  };

  task<void> send_below(std::vector<ObjectId> seeds);
  task<std::vector<ObjectId>> lacking(std::vector<ObjectId> ids);
  task<void> take_apart(Buffer records);
  task<void> forward(Buffer records);
  task<void> send_envelopes(ByteView records);
  task<void> put(Buffer records);
  task<void> settle(std::size_t most_bytes);
  task<void> keep_receipt(const SnapshotRow& row, const wire::pb::SignedReceipt& receipt);

  Peer& peer_;
  Vault& vault_;
  const Certificate& root_;
  const ServerId partner_;
  std::set<SessionId> sessions_;  // whose envelopes the partner has
  std::deque<Sent> sent_;
  std::size_t sent_bytes_ = 0;

  // of one send_below()
  std::vector<ObjectId> stack_, nodes_;
  std::set<ObjectId> asked_, seen_nodes_;
};

}  // namespace farkeep
