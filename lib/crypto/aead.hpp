#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "crypto/block_cipher.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// Made by hedged_nonce() (crypto/keyring.hpp) only: with one key, never one nonce for two plaintexts.
struct Nonce192 {
  std::array<std::uint8_t, 24> bytes{};

  ByteView view() const noexcept { return bytes; }
  auto operator<=>(const Nonce192&) const = default;
};

/// XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM under a key that CMAC derives from the first half of the nonce.
///
/// A random nonce is safe for 2^80 messages under one key.  The additional data is the parts joined.  `out` may begin
/// where the input does (in place).  One object may be used by several threads at once.
class XAes256Gcm {
 public:
  static constexpr std::size_t kTag = 16;

  explicit XAes256Gcm(const SecretKey& key);

  /// out.size() == plain.size() + kTag.
  void seal(const Nonce192& nonce, std::span<const ByteView> aad_parts, ByteView plain, MutableByteView out) const;
  /// out.size() == sealed.size() - kTag (malformed when there is not even a tag).  Errc::damaged when the tag does not
  /// fit; then `out` is zeros: bytes that nobody vouches for are not handed out.
  result<void> open(const Nonce192& nonce, std::span<const ByteView> aad_parts, ByteView sealed,
                    MutableByteView out) const;

 private:
  Secret<32> derive(const Nonce192& nonce) const;

  Aes256 aes_;
  Secret<16> k1_;  // CMAC's first subkey
};

}  // namespace farkeep
