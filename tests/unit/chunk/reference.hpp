#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "chunk/chunker.hpp"
#include "chunk/gear_table.hpp"
#include "crypto/block_cipher.hpp"
#include "crypto/digest.hpp"

/// The chunker once more, as slow and plain as the format page: every length for itself, no rolling, no batches, and
/// 128-bit arithmetic in 32-bit limbs.
class Reference {
 public:
  Reference(const farkeep::SecretKey& key, std::uint32_t average) : average_(average), aes_(aes_key(key)) {
    farkeep::hkdf_sha256(key.view(), {}, "farkeep/1/cut/hash", hash_key_);
  }

  std::size_t first_cut(farkeep::ByteView data) const {
    const std::size_t end = std::min<std::size_t>(data.size(), 4 * average_);
    for (std::size_t length = average_ / 4; length < end; ++length) {
      if (is_candidate(data, length) && passes(data, length) && !repeats(data, length)) return length;
    }
    return end;
  }

  /// Sixteen bytes: the digest of a window.
  farkeep::Buffer digest(farkeep::ByteView window) const {
    farkeep::Buffer out;
    for (std::size_t half = 0; half < 2; ++half) {
      std::uint32_t sum[4] = {};
      add_product(sum, key_word(half, 0), 1, 0);
      for (std::size_t i = 0; i < 8; ++i) {
        add_product(sum, key_word(half, i + 1), word32(window.data() + 8 * i), 0);
        add_product(sum, key_word(half, i + 1), word32(window.data() + 8 * i + 4), 1);
      }
      for (std::size_t b = 0; b < 8; ++b) out.push_back(static_cast<std::uint8_t>(sum[2 + b / 4] >> (8 * (b % 4))));
    }
    return out;
  }

 private:
  static bool is_candidate(farkeep::ByteView data, std::size_t length) {
    std::uint64_t gear = 0;
    for (std::size_t i = length - 64; i < length; ++i) gear = 2 * gear + farkeep::kGear[data[i]];
    return gear >> 58 == 0;
  }
  bool passes(farkeep::ByteView data, std::size_t length) const {
    farkeep::Buffer block = digest(data.subspan(length - 64, 64));
    aes_.encrypt(block);
    const std::uint64_t value = std::uint64_t{word32(block.data() + 4)} << 32 | word32(block.data());
    const int zeros = std::countr_zero(average_) - (length < average_ ? 4 : 9);
    return value >> (64 - zeros) == 0;
  }
  static bool repeats(farkeep::ByteView data, std::size_t length) {
    const farkeep::ByteView window = data.subspan(length - 64, 64);
    for (std::size_t back = 1; back <= 256; ++back) {
      if (farkeep::equal(window, data.subspan(length - 64 - back, 64))) return true;
    }
    return false;
  }

  static std::uint32_t word32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]} << 16 | std::uint32_t{p[3]} << 24;
  }
  const std::uint8_t* key_word(std::size_t half, std::size_t i) const { return hash_key_.data() + 144 * half + 16 * i; }

  /// sum += key * factor * 2^(32 shift), modulo 2^128.
  static void add_product(std::uint32_t (&sum)[4], const std::uint8_t* key, std::uint32_t factor, std::size_t shift) {
    std::uint64_t carry = 0;
    for (std::size_t limb = 0; limb + shift < 4; ++limb) {
      carry += std::uint64_t{word32(key + 4 * limb)} * factor + sum[limb + shift];
      sum[limb + shift] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
  static farkeep::Secret<16> aes_key(const farkeep::SecretKey& key) {
    farkeep::Secret<16> out;
    farkeep::hkdf_sha256(key.view(), {}, "farkeep/1/cut/aes", out.mutable_view());
    return out;
  }

  std::uint32_t average_;
  farkeep::Buffer hash_key_ = farkeep::Buffer(288);
  farkeep::Aes128 aes_;
};
