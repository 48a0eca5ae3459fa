#pragma once

#include <deque>
#include <set>
#include <unordered_set>
#include <vector>

#include "crypto/certificate.hpp"
#include "transport/peer.hpp"
#include "vault/vault.hpp"

namespace farkeep {

/// What a push may take as known of the partner.
struct PartnerKnowledge {
  PartnerKnowledge() = default;
  bool compares = false;  ///< it said so in its hello: else only what it lacks is sent
  bool trusted = true;    ///< what earlier pushes found is true; not of a partner that has lost snapshots
  NodeSet found;          ///< on this connection: Vault::partner_key() of records that are there, durable, with all below them
  NodeSet further;        ///< the same of further copies that went there
};

/// What a push may hold in memory, whatever catalog an agent made.
struct PushLimits {
  PushLimits() = default;
  std::size_t nodes = std::size_t{1} << 22;  ///< of one push, new or waiting to be read: a hundred million files have three million
  std::size_t node_groups = std::size_t{1} << 22;  ///< read in one push: NodeSet's groups, 24 bytes each, where a catalog of a hundred million files has fifty thousand; and remembered of what was looked at
  std::size_t sessions = std::size_t{1} << 16;  ///< whose envelopes are remembered to be there, 64 bytes each: an agent may use one for each record.  Beyond, the partner is asked again
  std::size_t node_bytes = 4 * limits::kMiB;  ///< of node records read at once: they name 131,072 objects at most, and the last record some more
};

/// Gives the partner snapshots that it lacks, from one vault, over one connection on which that vault is open (PROTOCOL.md §4).
///
/// A push walks the catalog from its root down, along the copies that serve here; by them it tells nodes from data.
/// - The partner lacks an object.  Data is sent when it is found.  Nodes are read, a few at a time, and sent after all data, the lowest first.
/// - The partner has the id.  Somebody may have put junk under it before us.  So the whole record is compared, and everything below it, unless an earlier push
///   did so.  Where the partner has another record, ours is sent as a further copy.
/// - Our own copy may be the junk.  So the other copies that are here are sent, too, with everything below them, for each object that the partner lacks or has as
///   another record; for every object, if the partner has lost snapshots.
/// At the end the partner says whether anything is missing: it answers the commit.
///
/// Memory, whatever catalog an agent made: the ids of new nodes, four million at most (else failure too_large); what some MiB of node records refer
/// to, on each level; and what was looked at, in groups of 24 bytes: one for each 4 KiB of segments, or for 64 nodes side by side.  Beyond four million groups
/// it is forgotten, which costs looking again.
class SnapshotPush {
 public:
  /// All outlive it.
  SnapshotPush(Peer& peer, Vault& vault, TrustedRoots roots, const ServerId& partner, PartnerKnowledge& known, PushLimits most = {})
      : peer_(peer), vault_(vault), roots_(std::move(roots)), partner_(partner), known_(known), most_(most) {}

  /// Returns when the partner's receipt is kept beside ours.  Throws failure: missing_object (this server itself lacks something),
  /// identity (the receipt is not right), wire::Refusal, disconnected.
  task<void> push(SnapshotRow row);
  /// References that waited at once, at most.
  std::size_t most_waiting() const noexcept { return most_waiting_; }
  /// Groups that the last push remembered in the end of what it looked at.
  std::size_t looked_at() const noexcept { return looked_at_groups_; }
  /// Sessions that were remembered at once, at most.
  std::size_t most_sessions() const noexcept { return most_sessions_; }

 private:
  struct Sent {
    Answer answer;
    std::size_t bytes;
  };
  /// A copy of ours.
  struct Ours {
    ObjectId id;
    Place place;
  };
  enum class Kept { if_new, as_further_copy };  // of records whose ids are all there
  struct ToRead {
    ObjectId id;
    std::uint64_t copy;
    std::uint32_t length;
    bool asked;  // the partner lacks it; else only what is below it is of interest
  };

  task<wire::pb::Committed> commit(const wire::pb::Commit& question);
  task<void> send_below(std::vector<ObjectId> seeds);
  task<std::vector<ObjectId>> sort_out(std::vector<ObjectId> ids);
  void read_later(const ObjectId& id, const Place& place, bool asked);
  void refuse_more_nodes() const;
  task<void> read_nodes();
  task<void> find_further(std::vector<ObjectId> ids, bool lacked);
  task<void> read_further();
  task<void> send_further(std::vector<Place> copies);
  task<std::vector<ObjectId>> lacking(std::vector<ObjectId> ids);
  bool is_known(const Place& place) const;
  bool note(NodeSet& seen, const Place& place) const;
  void look_at(Ours ours, std::vector<Ours>& to_compare);
  task<void> compare(std::vector<Ours> ours);
  task<void> compare_some(std::vector<Ours> ours);
  task<void> take_apart(Buffer records);
  task<void> forward(Buffer records, Kept kept);
  task<void> send_envelopes(std::vector<SessionId> sessions);
  task<void> fetch(std::vector<ObjectId> ids, std::function<task<void>(Buffer)> sink);
  task<void> put(Buffer records, Kept kept);
  task<void> settle(std::size_t most_bytes);
  task<void> keep_receipt(const SnapshotRow& row, const wire::pb::Committed& answer);

  Peer& peer_;
  Vault& vault_;
  TrustedRoots roots_;
  const ServerId partner_;
  PartnerKnowledge& known_;
  const PushLimits most_;
  std::size_t most_waiting_ = 0, looked_at_groups_ = 0, most_sessions_ = 0;
  std::set<SessionId> sessions_;  // whose envelopes the partner has
  std::deque<Sent> sent_;
  std::size_t sent_bytes_ = 0;
  bool has_sent_spares_ = false;  // copies under way that a commit would not miss

  // of one push()
  NodeSet looked_at_;                                // as PartnerKnowledge::found, when the partner has committed
  std::unordered_set<std::uint64_t> compared_nodes_;  // record copies: a record holds many nodes
  std::set<ObjectId> lost_;                           // what the partner said that it lacks
  NodeSet further_;                                   // as PartnerKnowledge::further, when the partner has committed

  // of one send_below()
  std::vector<ObjectId> stack_, nodes_;  // to be asked about; new ones, to be sent at the end
  std::vector<ToRead> to_read_;
  std::vector<Ours> further_to_read_;
  std::vector<Place> further_nodes_, further_data_;  // copies to be sent: behind all nodes; as soon as what serves has gone
  NodeSet seen_nodes_;
  std::set<ObjectId> asked_, walked_;    // of what is being read
};

}  // namespace farkeep
