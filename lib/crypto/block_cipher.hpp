#pragma once

#include <cstdint>

#include "crypto/secret.hpp"

namespace farkeep {

/// AES in its raw form, block by block (FIPS 197): a permutation to build on, never a way to hide data.
///
/// All blocks of a call go through one EVP call, eight at a time in the processor.  Each thread remembers the key
/// schedule of the last object that it used: a call costs about 30 ns, a block about 2.  One object may be used by
/// several threads at once.
class AesBlocks {
 public:
  AesBlocks(AesBlocks&& other) noexcept;
  AesBlocks& operator=(AesBlocks&&) = delete;

  /// In place; the size is a multiple of 16.
  void encrypt(MutableByteView blocks) const;

 protected:
  /// A key of 16 or 32 bytes.
  explicit AesBlocks(ByteView key);
  ~AesBlocks() = default;

 private:
  Secret<32> key_;
  std::size_t key_size_;
  std::uint64_t number_;  // whose key schedule a thread remembers; 0: moved from
};

class Aes128 : public AesBlocks {
 public:
  explicit Aes128(const Secret<16>& key) : AesBlocks(key.view()) {}
};

class Aes256 : public AesBlocks {
 public:
  explicit Aes256(const SecretKey& key) : AesBlocks(key.view()) {}
};

}  // namespace farkeep
