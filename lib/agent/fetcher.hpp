#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/keys.hpp"
#include "agent/memory_plan.hpp"
#include "agent/node_loader.hpp"
#include "agent/vault_port.hpp"
#include "archive/content_stream.hpp"
#include "archive/record_codec.hpp"
#include "async/budget.hpp"
#include "async/scope.hpp"
#include "async/waiters.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Whether a failure says of a record, a node or an envelope that it is not there, or not what it should be: no other moment heals that.  Not what the connection
/// or this machine's disk fails with, nor what a server says of its own state.
bool is_about_data(const boost::system::system_error& error) noexcept;

/// Fetches the lists that the stream wants next, `most` together, and gives them to it.  What is wrong with one that cannot be had or used; empty: nothing.  Throws what is
/// not about data.
task<std::string> take_lists(NodeLoader& from, ContentStream& stream, std::size_t most);

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
/// one answer are opened on all threads.  A record that does not open, or holds something else than it says, is of no use: then the server's
/// other copies are tried, and after that the other server, where there is one; the log says so.
/// Throws failure: missing_object (the vault lacks it), damaged, id_mismatch (no copy is of use), or what the connection throws.
class Fetcher final : public NodeLoader {
 public:
  /// `kept`: bytes of opened records.  `other` may be null.
  Fetcher(VaultPort& vault, const AgentKeys& keys, Workers& workers, std::size_t kept = MemoryPlan{}.kept, OtherVault* other = nullptr);

  task<std::vector<NodePlainOwned>> load(std::vector<ObjectId> ids) override;
  /// Who walks through content in order asks for the next stretch while the one before is still on its way.  Where one ends and the
  /// next begins they share a record: so the first `shared` ids wait for the call before that shared any, and are asked for only if it did not bring
  /// them.  limits::kSolidTarget bytes of content are enough.
  task<std::shared_ptr<ObjectSet>> objects(std::vector<ObjectId> ids, std::size_t shared = 0);
  /// Why objects cannot be had; empty: they can.
  struct Lost {
    std::string why;
  };
  /// The same, but those of which neither server has a usable copy are missing in the set, and `lost`, which outlives the call, says why.
  task<std::shared_ptr<ObjectSet>> objects_there_are(std::vector<ObjectId> ids, std::size_t shared, Lost& lost);
  /// load(), of which those are missing.
  task<std::vector<NodePlainOwned>> nodes_there_are(std::vector<ObjectId> ids, Lost& lost);
  /// Whether the other server answered each time when something was lost here.
  bool asked_everybody() const noexcept { return asked_everybody_; }
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
  /// A record that is of no use.
  struct Unusable {
    Digest digest;
    std::vector<ObjectId> ids;
    Errc why{};
  };
  struct Outcome {
    Opened opened;  // or null
    Unusable unusable;
  };
  static Outcome open_record(std::shared_ptr<const Session> with, Buffer record);
  static Unusable useless(ByteView record, Errc why);
  using Question = std::function<task<std::vector<ObjectId>>(VaultPort::Sink)>;
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
    std::vector<Buffer> later;  // records of sessions whose keys are not here yet…
    std::size_t later_bytes = 0;
    bool dropped = false;       // …but for those beyond kMostLater: they can be asked for again when the keys of these are here
    std::vector<ObjectId> missing;
    std::vector<Unusable> unusable;  // those beyond kMostUnusable are dropped in the same way
    std::size_t unusable_bytes = 0;

    void refuse(Unusable record);
  };
  bool find_kept(const ObjectId& id, ObjectSet& set) const;
  void keep(const Opened& record);
  task<std::shared_ptr<ObjectSet>> gather(std::vector<ObjectId> ids, std::size_t shared, Lost* lost);
  task<void> fetch(std::vector<ObjectId> ids, ObjectSet& set, Lost* lost);
  task<std::vector<ObjectId>> fetch_from(VaultPort& port, std::vector<ObjectId> ids, ObjectSet& set, Errc& why);
  task<bool> ask_once(VaultPort& port, const std::vector<ObjectId>& ids, ObjectSet& set, std::vector<ObjectId>& lost, Errc& why);
  task<std::vector<ObjectId>> fetch_others(VaultPort& port, Unusable first, ObjectSet& set);
  task<Arrival> answers(Question question, Scope& scope, ObjectSet& set);
  task<std::shared_ptr<const Session>> session_from(VaultPort& port, SessionId id, Errc& why);
  task<void> ask_other(std::function<task<void>(VaultPort&)> work);
  task<void> ask(Question question, Arrival& arrival);
  bool may_tell() noexcept;
  task<void> arrived(Buffer records, Arrival& arrival);
  task<void> open(std::shared_ptr<const Session> with, Buffer record, Budget::Lease turn, Arrival& arrival);
  result<std::shared_ptr<const Session>> open_session(const SessionId& id, const RecordView& record) const;

  VaultPort& vault_;
  OtherVault* const other_;
  const AgentKeys& keys_;
  Workers& workers_;
  bool asked_everybody_ = true;
  std::size_t silences_ = 0, not_asked_ = 0;  // of the other server, one after the other
  std::size_t told_ = 0;  // in the log, of copies that are of no use
  Budget turns_;  // in records: how many of them are being opened
  std::shared_ptr<Call> last_;
  std::unordered_map<SessionId, std::shared_ptr<const Session>> sessions_;
  std::list<Kept> kept_;  // oldest first
  const std::size_t most_kept_;
  std::size_t kept_bytes_ = 0;
  std::unordered_map<ObjectId, ObjectSet::Place> where_;
};

}  // namespace farkeep
