#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/path.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "platform/entry_meta.hpp"
#include "platform/source_tree.hpp"  // DataRange

namespace farkeep {

/// A piece of a file's content: a chunk, or a chunk list when the entry's list_depth is not zero.
struct ChunkRef {
  ObjectId id;
  std::uint64_t size = 0;  ///< bytes of content in it (or below it)
  bool operator==(const ChunkRef&) const = default;
};

inline constexpr std::size_t kMaxEntryRefs = 512;     // references in an entry; a longer content becomes a list
inline constexpr std::size_t kMaxDataRanges = 4096;   // of a sparse file; with more, the smallest holes become zeros
inline constexpr std::size_t kMaxOwnerName = 1024;    // of a user or a group
inline constexpr std::size_t kMaxListDepth = 8;       // 256^8 chunks are more than there can be

/// One file, folder, link or device of a snapshot (FORMAT.md §3).
struct Entry {
  std::string path;
  EntryKind kind = EntryKind::file;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0, gid = 0;
  std::string user, group;  ///< bytes; empty where the machine has no name for it
  std::int64_t mtime_ns = 0;
  std::int64_t mtime_far = 0;  ///< as EntryStat::mtime_far
  std::vector<Xattr> xattrs;

  // Files.  ctime and inode are for telling changes only; they are not kept for other kinds.
  std::uint64_t size = 0;  ///< as the reader of the file sees it, holes included
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t hardlink_group = 0;  ///< equal and not zero: one file; each of its entries carries content and metadata
  bool changed_while_read = false;

  // Content of a file: inline, or references in order; of a sparse file, that of the data ranges one after the other.
  Buffer inline_content;
  std::vector<ChunkRef> chunks;
  std::uint8_t list_depth = 0;  ///< 0: `chunks` are chunks; n: lists of level 0x80 + n - 1
  bool sparse = false;
  std::vector<DataRange> data;

  // Other kinds.
  std::string link_target;                              ///< symlinks
  std::uint32_t device_major = 0, device_minor = 0;     ///< devices

  /// Bytes of content that are stored: `size` without the holes.  Meaningful when check_entry() passed.
  std::uint64_t content_size() const noexcept;
  bool operator==(const Entry&) const = default;
};

/// Whether a restore of both would give the same: all but ctime and inode are equal.
bool same_restored(const Entry& a, const Entry& b);

/// The same for all names of one file, of which a restore makes hard links; nothing for what has no further names.
///
/// A system gives the number of an inode again as soon as its file is removed, and that may be while a snapshot is made: then the names of two files have one
/// `hardlink_group`.  So this is of all that a restore of the name alone would give, too.
std::optional<Digest> link_identity(const Entry& entry);

/// Whether an entry may stand in a catalog: a valid path, fields that belong to its kind, content that adds up, limits.
/// The same rules for writing and for reading.  malformed or too_large.
result<void> check_entry(const Entry& entry);

/// At most `most` ranges (at least 1), made by taking the smallest holes as data: for files with very many holes.
std::vector<DataRange> limit_data_ranges(std::vector<DataRange> ranges, std::size_t most = kMaxDataRanges);

}  // namespace farkeep
