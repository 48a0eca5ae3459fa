#include "vault/checksum.hpp"

#include <xxhash.h>

#include <random>

namespace farkeep {

Checksum checksum_of(ByteView bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return Checksum{h.low64, h.high64};
}

std::uint64_t short_checksum_of(ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint64_t table_hash_of(ByteView bytes) {
  static const std::uint64_t seed = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace farkeep
