#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/disk.hpp"
#include "vault/id_filter.hpp"
#include "vault/place.hpp"

namespace farkeep {

/// An immutable table of ids in a file, sorted; the copies of one id in the order of put_in_order().  A cache: any doubt is
/// failure(damaged), and it is made anew.
///
///   table   := header block* firsts filter tail
///   header  := magic "FKT1"   version u32 = 2   entries u64   filter ids u64   zero 8
///   block   := 64 entries of 48 bytes (the last: the rest)   XXH3-64 of them
///   entry   := id 32   segment u32   offset u32   length u24   type u8   ordinal u16   flags u16 (bit 0: Place::counts, 1: from_partner)
///   firsts  := for each block, the first eight bytes of its first id, big-endian value as u64
///   filter  := IdFilter's lines
///   tail    := XXH3 of header ‖ firsts ‖ filter
///
/// In memory: firsts and filter, 13 bits an id.  A lookup costs the filter for most ids that are absent, and one read of
/// 3 KiB for the others.  Blocking: for workers.  const calls from several threads at once.
class IndexTable {
 public:
  static std::shared_ptr<const IndexTable> open(Disk& disk, const std::string& path);
  ~IndexTable();

  std::uint64_t entries() const noexcept { return entries_; }
  std::size_t memory() const noexcept { return firsts_.size() * 8 + filter_.bytes().size(); }
  bool may_have(const ObjectId& id) const { return filter_.may_have(id); }

  /// Looks many ids up; keeps the block it read last, so ascending ids are cheaper.
  class Lookup {
   public:
    explicit Lookup(const IndexTable& table);
    /// The first of its copies.
    std::optional<Place> find(const ObjectId& id);
    /// Adds all of them.
    void copies(const ObjectId& id, std::vector<Place>& to);

   private:
    void load(std::size_t block);
    bool seek(const ObjectId& id);
    const IndexTable& table_;
    std::size_t loaded_;
    std::size_t count_ = 0, at_ = 0;  // entries in the block that is loaded, and the one that seek() found
    Buffer bytes_;
  };

  /// All entries, in order.
  class Cursor {
   public:
    explicit Cursor(const IndexTable& table);
    bool at_end() const noexcept { return at_ == table_->entries_; }
    const IndexEntry& entry() const noexcept { return entry_; }
    void next();

   private:
    void load();
    const IndexTable* table_;
    std::uint64_t at_ = 0;
    std::size_t first_block_ = 0, blocks_ = 0;
    Buffer bytes_;
    IndexEntry entry_;
  };

 private:
  IndexTable() = default;
  std::size_t count_in(std::size_t block) const;
  void check_block(std::size_t block, ByteView bytes) const;

  std::unique_ptr<DiskFile> file_;
  std::uint64_t entries_ = 0;
  std::vector<std::uint64_t> firsts_;
  IdFilter filter_;
};

/// Writes a table; entries come in ascending order of ids, the copies of one in the order of put_in_order().  `most`: for the filter.
class IndexTableWriter {
 public:
  IndexTableWriter(Disk& disk, const std::string& path, std::uint64_t most);
  void add(const IndexEntry& entry);
  /// Durable on return.
  void finish();

 private:
  void end_block();
  std::unique_ptr<DiskFile> file_;
  std::uint64_t most_, entries_ = 0;
  std::size_t in_block_ = 0, block_at_ = 0;
  Buffer out_;
  std::vector<std::uint64_t> firsts_;
  IdFilter filter_;
};

/// One table from many, oldest first.
/// False, and no table, when `stop` was set meanwhile.
bool merge_tables(Disk& disk, std::vector<std::shared_ptr<const IndexTable>> tables, const std::string& path,
                  const std::atomic<bool>& stop);

}  // namespace farkeep
