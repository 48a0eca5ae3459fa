#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/backup.hpp"
#include "agent/catalog_cache.hpp"
#include "agent/entry_source.hpp"
#include "agent/fetcher.hpp"
#include "agent/file_work.hpp"
#include "agent/journal.hpp"
#include "agent/uploader.hpp"
#include "archive/catalog_builder.hpp"
#include "async/queue.hpp"
#include "async/scope.hpp"

// One run's state, which all of its steps share.  For backup*.cpp alone; everybody else includes backup.hpp.
//
//   scan_ahead ─► scanned ─► produce (match, start) ─► order ─► consume ─► commit
//                                     └► small, large, printed ─► uploader
namespace farkeep {

constexpr std::uint64_t kLargeFile = 2 * limits::kMiB;  // read in pieces, so that memory stays bounded

/// A unit of work on its way: started in order, finished in any, taken in order.
struct Slot {
  std::vector<Entry> entries;
  std::vector<bool> journal;
  std::vector<DoneBatch::Problem> problems;
  CountedPaths vanished, flagged;
  std::uint64_t changed_while_read = 0;
  bool done = false;
  Waiters finished;

  void take(DoneBatch& batch);
};

/// What turns entries into the catalog.  Used by one worker at a time.
struct Catalogue {
  std::unique_ptr<JournalWriter> journal;
  std::unique_ptr<CatalogCacheWriter> cache;
  std::unique_ptr<CatalogBuilder> builder;
  std::vector<NodePlainOwned> nodes;  // finished since the last look
};

struct BackupAttempt::Work {
  Work(BackupParts p, const BackupJob& j, VaultPort& v, bool t) : parts(p), job(j), vault(v), trust(t) {}

  // backup.cpp: from what is known before to the catalog
  task<BackupResult> run();
  task<void> pipeline();
  task<void> prepare();
  task<bool> server_has_last();
  task<void> consume();
  void judge_sources();
  void tell_what_is_not_kept();
  task<void> hand_nodes(std::vector<NodePlainOwned> nodes, bool all);
  void count(const Entry& e);
  // backup_match.cpp: what the walk finds, as units of work
  task<void> scan_ahead();
  task<void> produce();
  task<void> match(std::vector<ScanItem> found, std::vector<WorkBatch::Item>& out);
  task<bool> has_below_lists(const Entry& entry);
  task<void> start(std::vector<WorkBatch::Item> items);
  // backup_read.cpp: units of work, done
  task<void> small(std::shared_ptr<Slot> slot, WorkBatch batch);
  task<void> large(std::shared_ptr<Slot> slot, WorkBatch::Item item);
  task<void> read_alone(Slot& slot, WorkBatch::Item item);
  task<void> printed(std::shared_ptr<Slot> slot, ScanItem item);
  using Ahead = std::function<task<void>()>;
  task<Entry> read_pieces(const ScanItem* of, FileCutter& cutter, Uploader::Lane& lane, Ahead ahead);
  // backup_commit.cpp: the manifest, sent and remembered
  task<void> commit();

  BackupParts parts;
  const BackupJob& job;
  VaultPort& vault;
  const bool trust;

  agent::pb::Job last;
  std::string folder, journal_file;
  WallTime started;
  SessionId session;
  std::optional<LockedKey> session_key;  // of this run
  std::unique_ptr<RecordSealer> sealer;
  KnownObjects known{parts.memory.known};
  std::unique_ptr<Scope> scope;
  std::unique_ptr<Uploader> uploader;
  std::unique_ptr<Fetcher> fetcher;
  std::unique_ptr<CachedNodes> nodes;
  std::vector<std::unique_ptr<EntrySource>> sources;
  std::unique_ptr<Scanner> scanner;
  std::unique_ptr<ReadContext> context;
  Queue<std::vector<ScanItem>> scanned{2};
  Queue<std::shared_ptr<Slot>> order{parts.memory.reading};
  Catalogue catalogue;
  std::vector<NodePlainOwned> node_line;
  OwnerNames owners;
  Progress progress;
  BackupResult result;
};

/// Journals that interrupted attempts left, the oldest first.
std::vector<std::string> journals(Disk& disk, const std::string& folder);
/// It is a regular file, and its content has to be read.
inline bool is_read(const WorkBatch::Item& item) { return !item.reuse && item.found.stat.kind == EntryKind::file && item.found.problem.empty(); }
/// It is a unit of work by itself, and read in pieces.
inline bool is_alone(const WorkBatch::Item& item) { return is_read(item) && (item.found.stat.size > kLargeFile || item.found.command); }

}  // namespace farkeep
