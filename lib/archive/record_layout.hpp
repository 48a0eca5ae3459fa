#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/id.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// The constants of a record that reader and writer share (FORMAT.md §2).
inline constexpr std::array<std::uint8_t, 4> kRecordMagic = {'F', 'K', 'R', '1'};
inline constexpr std::uint8_t kRecordSuite = 1;
inline constexpr std::uint8_t kCodecStored = 0;
inline constexpr std::uint8_t kCodecZstd = 1;
inline constexpr std::size_t kRecordPrefix = 32;  // up to the nonce: all the sizes
inline constexpr std::size_t kRecordFixed = 56;   // up to the ids
inline constexpr std::size_t kPayloadFixed = 12;  // codec and sizes, inside the seal

constexpr std::size_t record_header_size(ObjectType type, std::size_t count, std::size_t ref_count) {
  const std::size_t per_object = ObjectId::kSize + (type == ObjectType::node ? 4 : 0);
  return kRecordFixed + count * per_object + ref_count * ObjectId::kSize;
}

}  // namespace farkeep
