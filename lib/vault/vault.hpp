#pragma once

#include <chrono>
#include <deque>
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
#include "crypto/keyring.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"
#include "vault/chunk_index.hpp"
#include "vault/closure.hpp"
#include "vault/complete_nodes.hpp"
#include "vault/copies.hpp"
#include "vault/reported.hpp"
#include "vault/room.hpp"
#include "vault/segment_writer.hpp"
#include "vault/segments.hpp"
#include "vault/slot_number.hpp"
#include "vault/small_object.hpp"
#include "vault/turn.hpp"
#include "vault/vault_limits.hpp"

namespace farkeep {

struct ReceiptFacts;

struct VaultSettings {
  std::size_t segment_target = limits::kSegmentTarget;
  std::chrono::nanoseconds segment_age = limits::kSegmentAge;
  std::uint64_t quota_bytes = 0;  ///< 0: none
  std::int64_t snapshots_a_day = vault_limits::kSnapshotsADay;
  Budget* large_checks = nullptr;  ///< Closure; null: no bound

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
  Buffer partner_receipt;  ///< empty: it is not protected yet
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
  /// What a receipt made now would say.
  virtual std::int64_t time_ns() const = 0;
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
  SeriesId series;  ///< zero where the statement is of format 1
};

/// A record that the partner holds, as it describes it, and one of the ids in it.
struct RecordClaim {
  ObjectId id;
  Digest digest;             ///< SHA-256 of the whole record
  std::uint32_t length = 0;
};

/// A record of ours.
struct RecordFacts {
  std::uint64_t copy = 0;  ///< Place::copy()
  std::uint32_t length = 0;
  Digest digest;
  SessionId session;
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
  /// All that lies in the store for this vault, in blocks of a file system.
  std::uint64_t stored_bytes() const { return index_.segment_bytes() + index_.segment_count() * vault_limits::kBlock + small_bytes_; }
  std::uint64_t quota_bytes() const { return settings_.quota_bytes; }
  void set_quota(std::uint64_t bytes) { settings_.quota_bytes = bytes; }
  /// SHA-256 over all (sequence u64 little-endian, digest) pairs in order: equal sets of snapshots, equal digests.
  Digest set_digest() const;

  /// Of each id, in the order asked: it is here, durable or at least received.
  task<std::vector<bool>> have(std::vector<ObjectId> ids);
  /// One or more whole records; returns when all of them are durable.  Records whose ids are all here are dropped, unless a spare of
  /// one is wanted; of the others, what is here already does not count (LOCKING.md §4).
  /// malformed and too_large for what is no record; missing_object when a session's envelope was not received before;
  /// quota; no_space and io: nothing of it is acknowledged.  `room` is given back when the bytes are written.
  /// `soon`: whoever sends waits for that, and has no more to send meanwhile.  `on_received` is called when have() says yes, long before all is durable.
  enum class Haste { none, soon };
  /// Who sends it.  Of what comes from the partner it is kept in mind that it has it; a record whose ids are all here, but not as just this one, is
  /// kept beside what came first (LOCKING.md §4).  `partner_further`: it is known not to be here.
  enum class Origin { agent, partner, partner_further };
  task<void> put(Buffer records, Room room, Haste haste = Haste::none, Origin origin = Origin::agent, std::function<void()> on_received = nullptr);
  task<void> put(Buffer records) { return put(std::move(records), Room{}); }
  /// put() in its two parts.  After receive(), have() says yes and later records may refer to envelopes in it; durable()
  /// is the promise.  A session that receives one after the other keeps the order in which its agent sent.
  using Received = std::vector<SegmentWriter::Ticket>;
  task<Received> receive(Buffer records, Room room, Origin origin = Origin::agent);
  task<void> durable(Received received);
  /// Returns when only little waits to be written.  Wait here before reading the next frame from a connection.
  task<void> room() { return writer_.room(); }
  /// Everything received so far becomes durable, now.
  task<void> flush() { return writer_.flush(); }
  /// PROTOCOL §3.4, LOCKING §6.  Throws what the judge says; unauthorised for another's manifest; fork, also for one that was set
  /// aside; rollback for a number at or below the head that is not known here, unless it comes from the mirror; malformed for a
  /// number too far above it; too_large for a catalog that is none; quota; busy when several wait already, or too many of the agent made no snapshot.
  /// `settle` returns when what counts for it has been received; it, and whatever makes something durable, comes after all that is judged without.
  task<CommitOutcome> commit(Buffer manifest, ManifestJudge& judge, ReceiptMaker& receipts, bool from_mirror, std::function<task<void>()> settle = nullptr);

  /// Those with numbers above `after`, ascending, at most `most`.  One that cannot be read is left out and logged.
  task<std::vector<SnapshotRow>> snapshots(std::uint64_t after, std::size_t most);

  // Receipts of the partner (LOCKING.md §4a, vault_receipts.cpp); that their signatures hold is the caller's affair.

  /// This server's push of a snapshot has ended with this receipt.  `pushed_here`: the partner says the same of its own push.  not_found when there is no
  /// such snapshot; identity for a receipt of another one; too_large and malformed for what is none.
  task<void> note_pushed(std::uint64_t sequence, Buffer receipt, bool pushed_here);
  /// Whether this server's push of a snapshot has ended with that very receipt.  to_another_store: it ended with an earlier one, so the partner has lost what it had.
  enum class PushedThere { no, yes, to_another_store };
  /// The partner's push of a snapshot has ended; `receipt` is what it gave for the snapshot.
  task<PushedThere> note_came(std::uint64_t sequence, Buffer receipt);
  /// Both servers have pushed it to one another.
  bool is_protected(std::uint64_t sequence) const;
  bool all_protected() const;
  bool is_pushed(std::uint64_t sequence, const ServerId& to) const;
  /// `mark`: receipt_mark().
  bool has_partner_receipt(std::uint64_t sequence, const Digest& mark) const;
  /// Of the snapshots with a receipt of whatever partner, ascending.
  std::vector<std::uint64_t> numbers_with_receipt() const;
  /// Over all pairs of a number and the mark of this server's receipt; of the partner's.
  Digest receipts_digest() const;
  Digest partner_receipts_digest() const;

  /// Gives `sink` every record that holds any of the ids, each once, in batches of about a MiB (or one record).  Returns the
  /// ids that are not here; a record that does not check counts as absent from then on, is logged, and the next copy of what it held is given.
  /// Envelopes are objects like others.
  task<std::vector<ObjectId>> get(std::vector<ObjectId> ids, std::function<task<void>(Buffer records)> sink);
  /// The same for somebody who could not use copies that he was given: of each id the first copy whose record is not among
  /// `not_these` (SHA-256); too_large beyond limits::kIdsOfOtherCopies and limits::kNotThese.
  struct OtherCopies {
    std::vector<ObjectId> missing;   ///< no (further) copy
    std::vector<ObjectId> reported;  ///< a copy of it is among not_these indeed
  };
  task<OtherCopies> get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, std::function<task<void>(Buffer records)> sink);

  // ---- what the partner has, too (vault_partner.cpp; LOCKING.md §4a)

  /// Where the copies lie that serve, in the order asked; nothing for what is not here, or not durable yet.
  task<std::vector<std::optional<Place>>> serving(std::vector<ObjectId> ids) { return copies_.find(std::move(ids)); }
  /// Of each record copy (`copies`: ascending by copy(), each once) that is whole, in that order.  Reads all of them.
  task<std::vector<RecordFacts>> facts_of(std::vector<Place> copies);
  /// Of each id the undamaged copies besides the one that serves, oldest first.
  task<std::vector<std::vector<Place>>> further(std::vector<ObjectId> ids);
  /// Gives `sink` these record copies (ascending by copy(), each once), a window at a time; one that does not check is logged and left out.
  task<void> get_copies(std::vector<Place> copies, std::function<task<void>(Buffer records)> sink);
  /// Of each record: it is here, as the copy that serves for all of its ids, or as one that the partner sent: `placed`, one of those
  /// that have their place in the index whatever comes, or `any`.  too_large beyond limits::kRecordsCompared and kBytesCompared.
  enum class OfPartner { placed, any };
  task<std::vector<bool>> same(std::vector<RecordClaim> claims, OfPartner which = OfPartner::placed);
  /// The partner has this record, and if it is a node all below it: so an earlier push found.
  bool is_at_partner(const Place& place) const { return at_partner_.contains(partner_key(place)); }
  /// `known`: partner_key() of each.  Kept between runs, when there is much of it or the vault is closed.
  task<void> note_at_partner(NodeSet known);
  /// A node stands for itself, any other record for all that is in it.
  static NodeKey partner_key(const Place& place);
  /// Of all snapshots, ascending.
  std::vector<std::uint64_t> numbers() const;

  /// One that is here already is no error.  too_large and quota beyond what vault_limits say; quota, too, for one that was set aside.
  task<void> add_slot(Buffer slot, SlotFrom from, std::int64_t now_ns);
  /// Within those limits: all of them fit one answer.
  task<std::vector<Buffer>> slots();

  /// A snapshot that no other one here follows, by an operator's word (LOCKING.md §11): it goes to `aside/` and is taken from nobody again.  `ordered_ns` names the
  /// order, which may be carried out again.  Throws not_found when there is no such snapshot, usage when another one follows it.
  task<void> set_snapshot_aside(std::uint64_t sequence, std::string reason, std::int64_t ordered_ns);
  /// A key slot, by an operator's word: it goes to `slot-aside/` and is taken from nobody again.  Throws not_found when there is none with this number.
  task<void> set_slot_aside(std::uint64_t number);

  /// What it costs in memory, about.
  std::size_t memory() const;

  /// Makes everything durable and ends the vault's coroutines, in any case; then throws what went wrong.
  task<void> close();

 private:
  struct AtPartner {
    ServerId server;
    Digest mark;            // of its receipt
    bool protects = false;  // its push to here has ended, too
  };
  struct Row {
    Digest digest, previous;
    Digest mark;                   // of our receipt
    std::int64_t received_ns = 0;  // by the earlier one of both receipts; 0: they do not say
    std::optional<AtPartner> partner;  // our push has ended there
    Digest came;                   // the mark of the partner's receipt with which its push ended here, since the vault was opened
    bool is_protected() const { return partner && partner->protects; }
  };
  class Committing;
  class Attempt;

  Vault(Executor executor, Store& store, Disk& cache_disk, std::string cache_folder, IndexOwner owner, Workers& workers,
        Timers& timers, VaultSettings settings);

  // Opening (vault_open.cpp).
  task<void> start();
  task<void> load_complete_nodes();
  task<void> load_nodes(CompleteNodes& to, std::size_t& saved, const char* name);
  task<void> load_snapshots();
  void add_row(const CommitObject& commit);
  task<void> load_partner_receipts();
  task<void> remove_if_it_can(std::string name);
  void note_partner(Row& row, const ReceiptFacts& facts, bool protects);
  task<void> keep_partner_receipt(std::uint64_t sequence, Buffer receipt, ReceiptFacts facts);
  task<void> load_aside();
  task<bool> was_set_aside(std::uint64_t sequence, std::int64_t ordered_ns);
  task<void> count_small_objects();
  task<void> keep_damaged(std::uint64_t sequence, Buffer bytes);
  task<void> salvage();
  task<void> receive_again(Buffer records);
  task<void> index_loop();
  task<void> save_complete_nodes();
  task<void> save_nodes(CompleteNodes& nodes, std::size_t& saved, const char* name);

  // Committing (vault_commit.cpp).
  void check_number(const ManifestFacts& facts) const;
  void check_history(const ManifestFacts& facts, bool from_mirror) const;
  void check_room(std::size_t bytes, bool from_mirror) const;
  void check_attempts();
  void check_day(std::int64_t now_ns) const;
  struct Checked {
    std::set<ObjectId> missing;
    NodeSet nodes;  // of a whole catalog
  };
  task<Checked> check_closure(ObjectId root, ObjectId envelope, bool from_mirror);
  task<Buffer> make_snapshot(ManifestFacts facts, Buffer manifest, Buffer receipt);
  task<std::optional<CommitObject>> read_commit(std::uint64_t sequence);
  /// A small object; nothing when it is not there, or lies on a bad sector: logged once.  Throws io when it is the fifth such object:
  /// then not a file is bad, the disk is, and what it does not give must not be taken for lost.
  task<std::optional<Buffer>> read_small(const std::string& name);
  task<std::optional<Buffer>> read_for_order(std::string name, std::string doing);
  task<void> remove_snapshot(std::uint64_t sequence);

  bool received(const ObjectId& id) const;
  void note_damaged(const Place& place);
  void refuse_if_closing() const;

  Store& store_;
  Disk& cache_disk_;
  const std::string cache_folder_;
  const IndexOwner owner_;
  Workers& workers_;
  Timers& timers_;
  VaultSettings settings_;
  VaultLayout layout_;
  Segments segments_;
  ChunkIndex index_;
  ServingCopies copies_;
  ReportedIds reported_;
  SegmentWriter writer_;
  CompleteNodes complete_;
  std::size_t complete_saved_ = 0;  // how many of them are in the file
  CompleteNodes at_partner_;
  std::size_t at_partner_saved_ = 0;
  std::map<std::uint64_t, Row> rows_;
  std::map<std::pair<std::uint64_t, std::string>, std::string> aside_;  // number and digest (as in the name) → why
  std::uint64_t small_bytes_ = 0;      // of all objects that are no segments
  std::size_t commits_ = 0;            // in service and waiting
  std::deque<SteadyTime> attempts_;    // commits by the agent that made no snapshot (yet), lately
  std::set<SessionId> sessions_;  // whose envelopes are durable; forgotten when there are too many
  std::set<std::string> unreadable_;  // small objects on bad sectors: a few
  std::uint64_t puts_ = 0;              // numbers them…
  std::set<std::uint64_t> receiving_;   // …those that are not received yet…
  std::uint64_t hurried_ = 0;           // …and up to which somebody waits; 0: nobody
  Turn committing_, slotting_, other_copies_;
  bool committed_ = false;  // since the index was settled
  bool closing_ = false;
  Scope scope_;
};

}  // namespace farkeep
