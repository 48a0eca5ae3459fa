#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/workers.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"
#include "vault/index_list.hpp"
#include "vault/index_table.hpp"
#include "vault/segments.hpp"
#include "vault/turn.hpp"

namespace farkeep {

/// Where each id of a vault lies: a memtable of the newest segments, and immutable tables (LOCKING.md §4).
///
/// A cache of what the segments' footers say.  open() makes it fit the segments that are there; a table that turns out to be
/// damaged later is replaced by a rebuild before the question is answered.  A disk that refuses to keep tables costs
/// speed after the next start, nothing else: it is logged.
/// One thread; many calls at once.
class ChunkIndex {
 public:
  /// `folder` is this vault's alone, on a local disk.
  ChunkIndex(Disk& disk, std::string folder, IndexOwner owner, Segments& segments, Workers& workers);
  ~ChunkIndex();

  task<void> open();
  /// Above every segment number that was ever heard of.
  std::uint32_t next_segment() const noexcept { return next_segment_; }
  /// The cache did not fit the segments (a first start, or a loss): what else was cached about places is void.
  bool was_rebuilt() const noexcept { return rebuilt_; }

  /// Of ids in the newest segments, at once: a copy of it, which need not be the one that counts.
  std::optional<Place> recent(const ObjectId& id) const;
  /// Of each id, in the order asked, the copy that counts (put_in_order()).
  task<std::vector<std::optional<Place>>> find(std::vector<ObjectId> ids);
  /// Of each id all copies that are held, in the order in which they serve.  Slower: for the few of which the first is of no use.
  task<std::vector<std::vector<Place>>> copies(std::vector<ObjectId> ids);

  /// A segment is durable.  Segments come in ascending order.
  void add(SegmentInfo segment, const std::vector<IndexEntry>& entries);
  /// Writes the memtable to a table when it is large.
  task<void> flush_if_large();
  /// After a commit: writes the memtable when a start would take long to read it again.
  task<void> settle();
  /// Merges tables while there are too many; returns when there are not, or soon after stop().
  task<void> merge();
  bool wants_merge() const;
  void stop() { stop_ = true; }
  /// For closing: keeps what would be tedious to read again.
  task<void> close();
  /// The memtable could not be written for so long that memory is at stake: take no more.
  bool overfull() const noexcept;

  std::uint64_t count() const noexcept;
  std::uint64_t segment_bytes() const noexcept { return segment_bytes_; }
  std::uint64_t segment_count() const noexcept { return known_.size(); }
  /// Ids in the memtable.
  std::size_t recent_count() const noexcept { return memtable_.size(); }
  /// What filters and first ids take.
  std::size_t table_memory() const noexcept;

 private:
  using Tables = std::vector<std::shared_ptr<const IndexTable>>;
  struct Named {
    std::uint64_t number;
    std::shared_ptr<const IndexTable> table;
  };

  struct Added {
    SegmentInfo segment;
    std::vector<IndexEntry> entries;
  };

  task<bool> load(const IndexList& list);
  // These are called by whoever holds writing_ (or by open()).
  task<void> read_new_segments();
  task<void> rebuild();
  task<void> flush();
  task<void> save_list();
  task<bool> merge_once(std::size_t how_many);
  void remember(const std::vector<IndexEntry>& entries);
  void forget_memtable();
  std::size_t recent_entries() const noexcept { return memtable_.size() + count_of_others_; }
  std::vector<IndexEntry> all_recent() const;
  task<void> wait_for_rebuild();
  void idle_again();
  void publish_tables();
  std::size_t mergeable() const;
  std::string table_path(std::uint64_t number) const;

  Disk& disk_;
  const std::string folder_;
  const IndexOwner owner_;
  Segments& segments_;
  Workers& workers_;

  IdMap<Place> memtable_;                      // of each id the copy that counts among those of the newest segments…
  IdMap<std::vector<Place>> others_;           // …and the rest of them: records that have something known beside something new, so rarely any
  std::size_t count_of_others_ = 0;
  std::size_t segments_in_memtable_ = 0;
  std::vector<Named> tables_;                  // oldest first
  std::shared_ptr<const Tables> for_lookups_;  // the same, newest first: what workers look into
  std::vector<SegmentInfo> known_;             // all segments, ascending: for the cover
  std::uint64_t segment_bytes_ = 0;
  std::uint32_t next_segment_ = 1;
  std::uint64_t next_table_ = 1;
  std::uint32_t covered_ = 0;                  // tables hold all segments up to this number
  std::uint32_t read_ = 0;                     // tables and memtable do
  bool rebuilt_ = false;
  bool merge_failed_ = false;                  // not tried again before the next table
  bool incomplete_ = false;                    // a rebuild is running, or failed: who asks waits for it, or begins again
  bool busy_ = false;                          // flush or rebuild: what is added meanwhile waits in added_
  std::vector<Added> added_;
  IdMap<Place> added_ids_;                     // in added_: what is known must be known at once, or a later copy would count over it
  std::uint64_t generation_ = 0;               // of the tables: rises with each rebuild
  Turn writing_;                               // flush, rebuild, publishing a merge
  std::atomic<bool> stop_ = false;
};

}  // namespace farkeep
