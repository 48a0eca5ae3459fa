#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// What trying one passphrase costs: 128 * n * r bytes of memory; 128 MiB and about half a second as it stands.
struct ScryptCost {
  std::uint64_t n = 1 << 17;
  std::uint32_t r = 8;
  std::uint32_t p = 1;

  static constexpr std::uint64_t kLeastN = 1 << 16;
  static constexpr std::uint32_t kLeastR = 8;
  /// 512 MiB: four times the default, and bearable on a small machine in an emergency.
  static constexpr std::uint64_t kMostMemory = 512ull << 20;
  static constexpr std::uint32_t kMostP = 4;

  bool operator==(const ScryptCost&) const = default;
};

/// Whether we would work at that cost: malformed when n is no power of two or the cost is below the floor (a stored
/// slot cannot make guessing cheap), too_large above the ceiling (it cannot exhaust us either).
result<void> check(const ScryptCost& cost);

/// scrypt (RFC 7914).  Throws failure for a cost that check() refuses.  Takes its time: call it off the main loop.
Secret<64> scrypt(ByteView passphrase, ByteView salt, const ScryptCost& cost);

namespace detail {
/// Without check(): the RFC's test vectors are cheaper than our floor.
Secret<64> scrypt_at_any_cost(ByteView passphrase, ByteView salt, const ScryptCost& cost);
}  // namespace detail

}  // namespace farkeep
