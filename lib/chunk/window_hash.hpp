#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "chunk/words.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// Bytes before a cut that decide about it.
inline constexpr std::size_t kWindow = 64;
inline constexpr std::size_t kWindowDigest = 16;

/// A keyed universal hash of one 64-byte window, 128 bits wide: two windows that differ have the same digest for
/// one key in 2^128, whatever they are.
///
/// Multilinear hashing (Carter and Wegman 1979; in this form Lemire and Kaser, "Strongly universal string hashing is
/// fast", 2014), twice with independent keys.  With the window as eight 64-bit words w_1..w_8 and 128-bit keys k_0..k_8
///   digest half = top 64 bits of (k_0 + k_1 w_1 + ... + k_8 w_8 mod 2^128)
/// Proof: let two windows differ in word i by d, 0 < |d| < 2^64, and let 2^t be the largest power of two in d, t <= 63.
/// With every other key fixed, k_i d is uniform over the multiples of 2^t, so the difference D of the two sums takes
/// each value of one coset of 2^t with probability 2^(t-128).  With D fixed, the uniform k_0 leaves the top halves
/// equal with probability max(0, 1 - |D| / 2^64).  Summed over the coset this is 2^(t-128) * 2^(64-t) = 2^-64, whatever
/// the coset.  The two halves have independent keys: 2^-128.
///
/// The digest is no MAC and must never be seen: only AES output over it may decide anything.
/// No loads or branches depend on the key or the content.  Immutable: any thread may call digest().
class WindowHash {
 public:
  static constexpr std::size_t kKeyBytes = 2 * 9 * 16;  // two halves, nine 128-bit little-endian keys each
  using Key = Secret<kKeyBytes>;

  explicit WindowHash(Key key) : key_(std::move(key)) {}

  void digest(std::span<const std::uint8_t, kWindow> window, std::span<std::uint8_t, kWindowDigest> out) const {
    std::array<std::uint64_t, 8> words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = load_word(window.data() + 8 * i);
    for (std::size_t half = 0; half < 2; ++half) {
      const std::uint8_t* key = key_.view().data() + half * (kKeyBytes / 2);
      Wide sum = wide(key);
      for (std::size_t i = 0; i < words.size(); ++i) sum += wide(key + 16 * (i + 1)) * words[i];
      store_word(static_cast<std::uint64_t>(sum >> 64), out.data() + 8 * half);
    }
  }

 private:
  // g++ and clang have it on every 64-bit target.
  __extension__ using Wide = unsigned __int128;

  static Wide wide(const std::uint8_t* p) { return Wide{load_word(p + 8)} << 64 | load_word(p); }

  Key key_;
};

}  // namespace farkeep
