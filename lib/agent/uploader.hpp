#pragma once

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "agent/file_work.hpp"
#include "agent/progress.hpp"
#include "agent/vault_port.hpp"
#include "archive/record_codec.hpp"
#include "async/budget.hpp"
#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Ids that the current server has, as far as we know: acknowledged, or on their way on this connection.
///
/// Bounded: when it is full, further ids are simply not remembered, and the server is asked about them again.
class KnownObjects {
 public:
  explicit KnownObjects(std::size_t most) : most_(most) {}
  bool contains(const ObjectId& id) const { return ids_.contains(id); }
  /// True if it was not there before (or could not be remembered).
  bool add(const ObjectId& id);
  void clear() { ids_.clear(); }

 private:
  const std::size_t most_;
  std::unordered_set<ObjectId> ids_;
};

/// Takes content and nodes, leaves out what the server has, gathers the rest into records, seals and sends them.
///
///   offer(data)  ── have? ──►  gather up to 2 MiB   ──►  seal (worker)  ──►  put  ──►  durable
///
/// Sending and sealing run as children of `scope`; a failure there ends the scope.  Plaintext and records in flight are bounded by
/// a budget: offer() waits when it is used up.  One thread.
class Uploader {
  struct ChunkPack {
    Buffer bytes;
    std::vector<CutChunk> chunks;
  };

 public:
  /// A large file that is read beside others gathers its content apart from theirs: else every record would hold a part of each of
  /// them, and whoever restores one file would fetch them all.
  class Lane {
    friend class Uploader;
    ChunkPack open_;
  };

  /// `ask_server`: false for a vault that is known to be empty.  `in_flight`: the budget.
  Uploader(VaultPort& vault, const RecordSealer& sealer, Workers& workers, Scope& scope, KnownObjects& known, Progress& progress, bool ask_server, std::size_t in_flight);
  ~Uploader();

  /// Content of one batch.  Returns when everything new in it was handed on.
  task<void> offer(CutData data) { return offer(std::move(data), common_); }
  task<void> offer(CutData data, Lane& lane);
  /// What is left in a lane goes on with everybody else's.
  task<void> close(Lane& lane);
  /// Nodes of the catalog.  They are gathered apart from content.
  task<void> offer(std::vector<NodePlainOwned> nodes);
  /// A record that must be on the connection before anything sealed with its key.
  void send_ahead(Buffer record);
  /// Seals what is gathered and returns when all of it was handed to the connection, in front of whatever is asked next.
  /// (A commit makes everything before it durable; to wait for that here would cost a segment's age.)
  task<void> all_sent();

 private:
  struct NodePack {
    std::vector<NodePlainOwned> nodes;
    std::size_t bytes = 0;
    std::size_t refs = 0;
  };

  task<std::vector<bool>> wanted(std::vector<ObjectId> ids);
  task<void> add(ByteView bytes, const CutChunk& chunk, Lane& lane);
  task<void> ship(ChunkPack pack);
  task<void> ship(NodePack pack);
  task<void> send_chunks(ChunkPack pack, Budget::Lease lease);
  task<void> send_nodes(NodePack pack, Budget::Lease lease);
  task<void> send(Buffer record, Budget::Lease lease);

  VaultPort& vault_;
  const RecordSealer& sealer_;
  Workers& workers_;
  Scope& scope_;
  KnownObjects& known_;
  Progress& progress_;
  const bool ask_server_;
  Budget budget_;
  std::size_t unhurried_ = 0;  // bytes sent since the server was last told that its answer is waited for
  std::size_t sealing_ = 0;  // records not yet handed to the connection
  Waiters sealed_;
  Lane common_;
  NodePack open_nodes_;
};

}  // namespace farkeep
