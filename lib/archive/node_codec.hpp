#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "archive/entry.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep {

/// Nodes as bytes (FORMAT.md §3, archive.proto): a catalog's leaves and inner nodes, and chunk lists.
///
/// Encoding takes what its builders made (checked, so a violation is a bug).  decode_node() is total: any message and
/// any references in, a value or malformed, too_large or unsupported_version (of a level) out.

inline constexpr std::uint8_t kLeafLevel = 0;
inline constexpr std::uint8_t kTopCatalogLevel = 15;  // limits::kMaxCatalogDepth levels
inline constexpr std::uint8_t kListLevel = 0x80;      // of lists of chunks; lists of lists stand above
inline constexpr std::size_t kMaxNodeElements = 4096;  // entries, children or listed references; ours have 1,024

/// A node below an inner node.
struct CatalogChild {
  ObjectId id;
  std::string last_path;  ///< of the last entry below it
  std::uint64_t entries_below = 0;
  std::uint64_t bytes_below = 0;  ///< sum of Entry::size, stopping at the largest number
  bool operator==(const CatalogChild&) const = default;
};

struct EncodedNode {
  Buffer message;
  std::vector<ObjectId> refs;
};

/// Builds one leaf after the other.
class LeafEncoder {
 public:
  LeafEncoder();
  LeafEncoder(LeafEncoder&&) noexcept;
  ~LeafEncoder();

  /// `entry` passes check_entry() and comes behind the previous one.
  void add(const Entry& entry);
  std::size_t entries() const noexcept { return entries_; }
  /// About what the entries take, in bytes, before compression: it bounds a leaf of large entries.
  std::size_t weight() const noexcept { return weight_; }
  /// The leaf, and a fresh start.
  EncodedNode finish();

 private:
  struct Columns;
  std::unique_ptr<Columns> columns_;
  std::size_t entries_ = 0, weight_ = 0;
};

EncodedNode encode_inner(std::uint8_t level, std::span<const CatalogChild> children);
EncodedNode encode_list(std::uint8_t level, std::span<const ChunkRef> refs);

/// One of the three is filled, as the level says.
struct DecodedNode {
  std::uint8_t level = 0;
  std::vector<Entry> entries;
  std::vector<CatalogChild> children;  ///< at least one, last paths ascending
  std::vector<ChunkRef> list;          ///< at least one
};

result<DecodedNode> decode_node(ByteView message, std::span<const ObjectId> refs);

/// a + b, or the largest number: sums of sizes that files merely claim to have.
constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) noexcept {
  return a + b < a ? ~std::uint64_t{0} : a + b;
}

}  // namespace farkeep
