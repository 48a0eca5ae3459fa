#pragma once

#include <compare>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/id.hpp"
#include "crypto/keyring.hpp"
#include "vault/checksum.hpp"

namespace farkeep {

/// Which copy of a record, and where in it.
struct Place {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;  ///< of the frame in its segment
  std::uint32_t length = 0;  ///< of the record, below 2^24
  std::uint16_t ordinal = 0; ///< of the object among the record's ids
  ObjectType type = ObjectType::data;
  bool counts = false;  ///< over earlier copies of the object: none was here undamaged when this one came
  bool from_partner = false;  ///< the partner sent it: what it holds itself

  /// The record copy alone: equal for all objects in it.
  std::uint64_t copy() const noexcept { return (std::uint64_t{segment} << 32) | offset; }
  auto operator<=>(const Place&) const = default;
};

/// Copies of one object that an index knows; what lies between the oldest and the newest of more is found in the footers only.
inline constexpr std::size_t kMostCopies = 8;

/// In the order in which they serve (LOCKING.md §4): the one that counts — the last that says it counts over earlier ones, where none
/// does the oldest — then the others, oldest first.  Each once, at most kMostCopies: of the others the oldest and the newest that the
/// partner sent, and of the rest the oldest three and as many of the newest as there is room for.
void put_in_order(std::vector<Place>& copies);

/// In the order in which they lie, each once: as they are read.
void sort_by_copy(std::vector<Place>& places);

struct IndexEntry {
  ObjectId id;
  Place place;
};

/// For tables of ids that an agent chose.
struct IdHash {
  std::size_t operator()(const ObjectId& id) const noexcept { return table_hash_of(id.bytes); }
};
template <class T>
using IdMap = std::unordered_map<ObjectId, T, IdHash>;

}  // namespace farkeep
