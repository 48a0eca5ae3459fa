#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/keys.hpp"
#include "agent/node_loader.hpp"
#include "agent/vault_port.hpp"
#include "archive/record_codec.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Plaintext of objects, kept alive by the records that it lies in.
class ObjectSet {
 public:
  /// Null when it is not in the set.
  const OpenedRecord::Object* find(const ObjectId& id) const;

 private:
  friend class Fetcher;
  std::vector<std::shared_ptr<const OpenedRecord>> records_;
  std::unordered_map<ObjectId, const OpenedRecord::Object*> objects_;
};

/// Gets objects from a vault and opens them: fetch, authenticate, decompress, check the id.  Nothing unverified leaves it.
///
/// Records hold many objects, so opened ones are kept for a while, bounded in bytes.  Calls may run side by side.
/// Throws failure: missing_object (the vault lacks it), damaged, id_mismatch, or what the connection throws.
class Fetcher final : public NodeLoader {
 public:
  Fetcher(VaultPort& vault, const AgentKeys& keys, Workers& workers);

  task<std::vector<NodePlainOwned>> load(std::vector<ObjectId> ids) override;
  task<std::shared_ptr<ObjectSet>> objects(std::vector<ObjectId> ids);
  /// A run's key, from its envelope on the server.
  struct Session {
    SecretKey key;
    RecordOpener opener;
  };
  task<std::shared_ptr<const Session>> session(SessionId id);
  /// The same for many at once; those whose envelopes are missing or do not open are left out, and asked for again when they are used.
  task<void> fetch_sessions(std::vector<SessionId> ids);

 private:
  struct Kept {
    std::shared_ptr<const OpenedRecord> record;
    std::size_t bytes;
  };
  struct Place {
    std::shared_ptr<const OpenedRecord> record;
    const OpenedRecord::Object* object;
  };
  void keep(const std::shared_ptr<const OpenedRecord>& record);
  using Opened = std::vector<std::shared_ptr<const OpenedRecord>>;
  task<void> open_records(Buffer records, Opened& into, std::vector<Buffer>& later);

  VaultPort& vault_;
  const AgentKeys& keys_;
  Workers& workers_;
  result<std::shared_ptr<const Session>> open_session(const SessionId& id, const RecordView& record) const;
  std::unordered_map<SessionId, std::shared_ptr<const Session>> sessions_;
  std::list<Kept> kept_;  // oldest first
  std::size_t kept_bytes_ = 0;
  std::unordered_map<ObjectId, Place> where_;
};

}  // namespace farkeep
