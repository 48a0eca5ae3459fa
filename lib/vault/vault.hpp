#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/scope.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/limits.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"
#include "vault/chunk_index.hpp"
#include "vault/closure.hpp"
#include "vault/complete_nodes.hpp"
#include "vault/room.hpp"
#include "vault/segment_writer.hpp"
#include "vault/segments.hpp"
#include "vault/small_object.hpp"
#include "vault/turn.hpp"

namespace farkeep {

struct VaultSettings {
  std::size_t segment_target = limits::kSegmentTarget;
  std::chrono::nanoseconds segment_age = limits::kSegmentAge;
  std::uint64_t quota_bytes = 0;  ///< 0: none

  VaultSettings() = default;
};

/// The snapshot with the highest number; zero: there is none.
struct VaultHead {
  std::uint64_t sequence = 0;
  Digest digest;
};

/// Serialised forms, as they came.
struct SnapshotRow {
  std::uint64_t sequence = 0;
  Digest digest;
  Buffer manifest, receipt;
  Buffer partner_receipt;  ///< empty: the partner has not got it yet
};

struct CommitOutcome {
  std::optional<Buffer> receipt;  ///< nothing: not committed, because of
  std::vector<ObjectId> missing;  ///< these (the first limits::kIdsPerQuestion)
  bool more_missing = false;
};

/// Signs receipts, with the server's own time.
class ReceiptMaker {
 public:
  virtual ~ReceiptMaker() = default;
  virtual Buffer make(const AccountId& account, const AgentId& agent, std::uint64_t sequence, const Digest& statement) = 0;
};

/// What a manifest says, when it may be believed.
struct ManifestFacts {
  std::uint64_t sequence = 0;
  Digest digest;    ///< of the statement
  Digest previous;  ///< zero: the first
  ObjectId root;
  SessionId session;
  AccountId account;
  AgentId agent;
};

/// Grammar, certificate chain and signature of a manifest.
class ManifestJudge {
 public:
  virtual ~ManifestJudge() = default;
  virtual result<ManifestFacts> judge(ByteView manifest) = 0;
};

/// All that one agent has stored at this data centre (LOCKING.md).  Nothing in it is ever changed or removed.
///
/// Several sessions may use one vault at once: coroutines on one thread.  What a call needs longer than it runs (store,
/// disk, workers, timers) outlives the vault.  Every call may be cancelled; what was received by then may become durable
/// all the same.  A call that meets a full disk throws no_space; a later one works when there is space again
/// (unless it was a folder that could not be synced: store/directory_store.hpp).
class Vault {
 public:
  /// Makes nothing durable: a vault exists with its first object.  `cache_folder` is this vault's alone.
  /// Fails with the store's errors, and with unsupported_version for objects of a later version of the program.
  static task<std::unique_ptr<Vault>> open(Store& store, Disk& cache_disk, std::string cache_folder, AccountId account, AgentId agent,
                                           Workers& workers, Timers& timers, VaultSettings settings);
  /// Only after close(): there are coroutines that belong to it.
  ~Vault();

  const AccountId& account() const noexcept { return owner_.account; }
  const AgentId& agent() const noexcept { return owner_.agent; }
  VaultHead head() const;
  std::uint64_t objects() const { return index_.count(); }
  std::uint64_t stored_bytes() const { return index_.segment_bytes(); }
  std::uint64_t quota_bytes() const { return settings_.quota_bytes; }
  void set_quota(std::uint64_t bytes) { settings_.quota_bytes = bytes; }
  /// SHA-256 over all (sequence u64 little-endian, digest) pairs in order: equal sets of snapshots, equal digests.
  Digest set_digest() const;

  /// Bit i, least significant first: id i is here, durable or at least received.
  task<Buffer> have(std::vector<ObjectId> ids);
  /// One or more whole records; returns when all of them are durable.  Records whose ids are all here are dropped.
  /// malformed and too_large for what is no record; missing_object when a session's envelope was not received before;
  /// quota; no_space and io: nothing of it is acknowledged.  `room` is given back when the bytes are written.
  /// `soon`: whoever sends waits for that, and has no more to send meanwhile.
  enum class Haste { none, soon };
  task<void> put(Buffer records, Room room, Haste haste = Haste::none);
  task<void> put(Buffer records) { return put(std::move(records), Room{}); }
  /// put() in its two parts.  After receive(), have() says yes and later records may refer to envelopes in it; durable()
  /// is the promise.  A session that receives one after the other keeps the order in which its agent sent.
  using Received = std::vector<SegmentWriter::Ticket>;
  task<Received> receive(Buffer records, Room room);
  task<void> durable(Received received);
  /// Returns when only little waits to be written.  Wait here before reading the next frame from a connection.
  task<void> room() { return writer_.room(); }
  /// Everything received so far becomes durable, now.
  task<void> flush() { return writer_.flush(); }
  /// PROTOCOL §3.4, LOCKING §6.  Throws what the judge says; unauthorised for another's manifest; fork; rollback for a
  /// number at or below the head that is not known here, unless it comes from the mirror.
  task<CommitOutcome> commit(Buffer manifest, ManifestJudge& judge, ReceiptMaker& receipts, bool from_mirror);

  /// Those with numbers above `after`, ascending, at most `most`.  One that cannot be read is left out and logged.
  task<std::vector<SnapshotRow>> snapshots(std::uint64_t after, std::size_t most);
  /// not_found when there is no such snapshot.  The first receipt stays.
  task<void> set_partner_receipt(std::uint64_t sequence, Buffer receipt);
  /// Whether the partner's receipt is here: what a mirror still has to push are the others.
  bool is_protected(std::uint64_t sequence) const;
  /// The lowest number for which it is not; nothing when there is none.
  std::optional<std::uint64_t> first_unprotected() const;

  /// Gives `sink` every record that holds any of the ids, each once, in batches of about a MiB (or one record).  Returns the
  /// ids that are not here; a record that does not check counts as absent from then on, and is logged.
  /// Envelopes are objects like others.
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, std::function<task<void>(Buffer records)> sink);

  /// One that is here already is no error.  too_large beyond 64 KiB, quota beyond 1,024 slots.
  task<void> add_slot(Buffer slot);
  task<std::vector<Buffer>> slots();

  /// Makes everything durable and ends the vault's coroutines, in any case; then throws what went wrong.
  task<void> close();

 private:
  struct Row {
    Digest digest, previous;
    bool is_protected = false;
  };

  Vault(Executor executor, Store& store, Disk& cache_disk, std::string cache_folder, IndexOwner owner, Workers& workers,
        Timers& timers, VaultSettings settings);

  // Opening (vault_open.cpp).
  task<void> start();
  task<void> load_complete_nodes();
  task<void> load_snapshots();
  task<void> set_aside(std::uint64_t sequence, Buffer bytes);
  task<void> salvage();
  task<void> receive_again(Buffer records);
  task<void> index_loop();
  task<void> save_complete_nodes();

  // Committing (vault_commit.cpp).
  void check_history(const ManifestFacts& facts, bool from_mirror) const;
  task<Buffer> make_snapshot(ManifestFacts facts, Buffer manifest, Buffer receipt);
  task<std::optional<CommitObject>> read_commit(std::uint64_t sequence);

  task<std::vector<std::optional<Place>>> present(std::vector<ObjectId> ids);
  bool received(const ObjectId& id) const;
  void refuse_if_closing() const;

  Store& store_;
  Disk& cache_disk_;
  const std::string cache_folder_;
  const IndexOwner owner_;
  Workers& workers_;
  VaultSettings settings_;
  VaultLayout layout_;
  Segments segments_;
  ChunkIndex index_;
  SegmentWriter writer_;
  CompleteNodes complete_;
  std::size_t complete_saved_ = 0;  // how many of them are in the file
  DamagedCopies damaged_;
  std::map<std::uint64_t, Row> rows_;
  std::set<SessionId> sessions_;  // whose envelopes are durable; forgotten when there are too many
  std::uint64_t next_slot_ = 1;
  std::uint64_t puts_ = 0;              // numbers them…
  std::set<std::uint64_t> receiving_;   // …those that are not received yet…
  std::uint64_t hurried_ = 0;           // …and up to which somebody waits; 0: nobody
  Turn committing_, slotting_;
  bool committed_ = false;  // since the index was settled
  bool closing_ = false;
  Scope scope_;
};

}  // namespace farkeep
