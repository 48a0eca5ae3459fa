#pragma once

#include <compare>
#include <cstdint>
#include <unordered_map>

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

  /// The record copy alone: equal for all objects in it.
  std::uint64_t copy() const noexcept { return (std::uint64_t{segment} << 32) | offset; }
  auto operator<=>(const Place&) const = default;
};

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
