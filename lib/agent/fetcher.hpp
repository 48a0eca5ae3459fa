#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/keys.hpp"
#include "agent/memory_plan.hpp"
#include "agent/node_loader.hpp"
#include "agent/vault_port.hpp"
#include "archive/record_codec.hpp"
#include "async/budget.hpp"
#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Plaintext of objects, kept alive by the records that it lies in.
class ObjectSet {
 public:
  /// Null when it is not in the set.
  const OpenedRecord::Object* find(const ObjectId& id) const;

 private:
  friend class Fetcher;
  struct Place {
    std::shared_ptr<const OpenedRecord> record;
    const OpenedRecord::Object* object;
  };
  std::unordered_map<ObjectId, Place> places_;
};

/// Gets objects from a vault and opens them: fetch, authenticate, decompress, check the id.  Nothing unverified leaves it.
///
/// Records hold many objects, so opened ones are kept for a while, bounded in bytes.  Calls may run side by side; the records of
/// one answer are opened on all threads.
/// Throws failure: missing_object (the vault lacks it), damaged, id_mismatch, or what the connection throws.
class Fetcher final : public NodeLoader {
 public:
  /// `kept`: bytes of opened records.
  Fetcher(VaultPort& vault, const AgentKeys& keys, Workers& workers, std::size_t kept = MemoryPlan{}.kept);

  task<std::vector<NodePlainOwned>> load(std::vector<ObjectId> ids) override;
  /// Who walks through content in order asks for the next stretch while the one before is still on its way.  Where one ends and the
  /// next begins they share a record: so the first `shared` ids wait for the call before that shared any, and are asked for only if it did not bring
  /// them.  limits::kSolidTarget bytes of content are enough.
  task<std::shared_ptr<ObjectSet>> objects(std::vector<ObjectId> ids, std::size_t shared = 0);
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
  using Opened = std::shared_ptr<const OpenedRecord>;
  /// One call of objects(), for the next one to wait for.
  struct Call {
    std::shared_ptr<ObjectSet> set = std::make_shared<ObjectSet>();
    bool done = false;
    Waiters finished;
  };
  /// One question to the server, and what came of it.
  struct Arrival {
    Scope& scope;
    std::vector<Opened> opened;
    std::vector<Buffer> later;  // records of sessions whose keys are not here yet
    std::vector<ObjectId> missing;
  };
  bool find_kept(const ObjectId& id, ObjectSet& set) const;
  void keep(const Opened& record);
  task<void> fetch(std::vector<ObjectId> ids, ObjectSet& set);
  task<void> ask(std::vector<ObjectId> ids, Arrival& arrival);
  task<void> arrived(Buffer records, Arrival& arrival);
  task<void> open(std::shared_ptr<const Session> with, Buffer record, Budget::Lease turn, Arrival& arrival);
  result<std::shared_ptr<const Session>> open_session(const SessionId& id, const RecordView& record) const;

  VaultPort& vault_;
  const AgentKeys& keys_;
  Workers& workers_;
  Budget turns_;  // in records: how many of them are being opened
  std::shared_ptr<Call> last_;
  std::unordered_map<SessionId, std::shared_ptr<const Session>> sessions_;
  std::list<Kept> kept_;  // oldest first
  const std::size_t most_kept_;
  std::size_t kept_bytes_ = 0;
  std::unordered_map<ObjectId, ObjectSet::Place> where_;
};

}  // namespace farkeep
