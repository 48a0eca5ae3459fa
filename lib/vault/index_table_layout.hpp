#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "vault/place.hpp"

namespace farkeep {

/// The constants and the entry codec that the table's reader and writer share (index_table.hpp).
inline constexpr std::string_view kTableMagic = "FKT1";
inline constexpr std::uint32_t kTableVersion = 2;
inline constexpr std::size_t kTableHeader = 32;
inline constexpr std::size_t kTableEntry = 48;
inline constexpr std::size_t kBlockEntries = 64;
inline constexpr std::size_t kBlockBytes = kBlockEntries * kTableEntry + 8;

inline constexpr std::uint32_t kCountsFlag = 1, kPartnerFlag = 2;

inline std::uint64_t first_eight(const ObjectId& id) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | id.bytes[i];
  return value;
}

inline void write_entry(std::uint8_t* to, const IndexEntry& e) {
  const auto number = [](std::uint8_t* at, std::uint32_t v, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) at[i] = static_cast<std::uint8_t>(v >> (8 * i));
  };
  std::memcpy(to, e.id.bytes.data(), ObjectId::kSize);
  number(to + 32, e.place.segment, 4);
  number(to + 36, e.place.offset, 4);
  number(to + 40, e.place.length, 3);
  number(to + 43, static_cast<std::uint32_t>(e.place.type), 1);
  number(to + 44, e.place.ordinal, 2);
  number(to + 46, (e.place.counts ? kCountsFlag : 0) | (e.place.from_partner ? kPartnerFlag : 0), 2);
}

inline Place read_place(const std::uint8_t* from) {
  const auto number = [](const std::uint8_t* at, std::size_t n) {
    std::uint32_t v = 0;
    for (std::size_t i = 0; i < n; ++i) v |= std::uint32_t{at[i]} << (8 * i);
    return v;
  };
  Place p;
  p.segment = number(from + 32, 4);
  p.offset = number(from + 36, 4);
  p.length = number(from + 40, 3);
  p.type = static_cast<ObjectType>(from[43]);
  p.ordinal = static_cast<std::uint16_t>(number(from + 44, 2));
  auto const flags = number(from + 46, 2);
  p.counts = (flags & kCountsFlag) != 0;
  p.from_partner = (flags & kPartnerFlag) != 0;
  return p;
}

}  // namespace farkeep
