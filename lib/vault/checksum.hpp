#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/codec.hpp"

namespace farkeep {

/// XXH3-128: finds rot in what a server stores (LOCKING.md).  No defence against forgery.
struct Checksum {
  static constexpr std::size_t kSize = 16;
  std::uint64_t low = 0, high = 0;

  bool operator==(const Checksum&) const = default;
  void write(Writer& to) const {
    to.number(low);
    to.number(high);
  }
  static Checksum read(Reader& from) {
    Checksum c;
    c.low = from.number<std::uint64_t>();
    c.high = from.number<std::uint64_t>();
    return c;
  }
};

Checksum checksum_of(ByteView bytes);
/// Half of it, where 64 bits do: blocks of a cache.
std::uint64_t short_checksum_of(ByteView bytes);
/// Seeded at random once per process: hash tables over ids that an agent chose must not be floodable.
std::uint64_t table_hash_of(ByteView bytes);

}  // namespace farkeep
