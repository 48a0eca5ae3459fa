#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "archive/entry.hpp"
#include "base/error.hpp"
#include "base/id.hpp"

namespace farkeep {

/// The chunks of a file in order, through its lists if it has any: fetched and given as with CatalogStream.
///
/// An entry with inline content has none.  Offsets count content, without holes.
class ContentStream {
 public:
  struct Piece {
    ObjectId id;
    std::uint32_t size = 0;
    std::uint64_t offset = 0;
  };

  /// Only chunks that hold bytes of [from, from + length); lists outside of it are not asked for.
  /// `entry` passed check_entry(), as all that come from a catalog did.
  explicit ContentStream(const Entry& entry, std::uint64_t from = 0, std::uint64_t length = ~std::uint64_t{0});

  /// Lists to fetch, in the order in which they are needed, each named once: so many that `most` are outstanding, and
  /// none that is more than about a thousand chunks ahead.
  std::vector<ObjectId> wanted(std::size_t most);
  result<void> give(const ObjectId& id, ByteView message, std::span<const ObjectId> refs);
  std::optional<Piece> next();
  bool at_end() const noexcept { return items_.empty(); }

 private:
  struct Item {
    ChunkRef ref;
    std::uint64_t offset = 0;
    std::uint8_t depth = 0;  // 0: a chunk
    bool asked = false;
  };
  using Place = std::list<Item>::iterator;

  std::uint64_t insert(Place before, std::span<const ChunkRef> refs, std::uint64_t offset, std::uint8_t depth);
  result<void> open(Place at, ByteView message, std::span<const ObjectId> refs);

  std::list<Item> items_;
  std::unordered_set<ObjectId> outstanding_;
  std::uint64_t from_, end_;
};

}  // namespace farkeep
