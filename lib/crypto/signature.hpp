#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "crypto/handles.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// The public half of an Ed25519 key.
struct VerifyKey {
  std::array<std::uint8_t, 32> bytes{};

  /// From exactly 32 bytes; nothing otherwise.
  static std::optional<VerifyKey> from(ByteView raw);
  ByteView view() const noexcept { return bytes; }
  /// False for a wrong signature, a signature of a wrong size, or a key that is no point of the curve.
  bool verify(ByteView message, ByteView signature) const;

  auto operator<=>(const VerifyKey&) const = default;
};

/// An Ed25519 key (RFC 8032).  Signing is deterministic: it takes no randomness.  Moved only; const calls are safe from
/// several threads at once.
class SigningKey {
 public:
  using Signature = std::array<std::uint8_t, 64>;

  static SigningKey generate(Random& random);
  static SigningKey from_seed(const SecretKey& seed);
  /// PKCS #8, not encrypted, as to_pem() writes it.  Malformed for anything else, another type of key too.
  static result<SigningKey> from_pem(std::string_view pem);

  Signature sign(ByteView message) const;
  VerifyKey public_key() const;
  SecretText to_pem() const;
  /// For TLS contexts and certificates: stays this object's.
  evp_pkey_st* native() const noexcept { return key_.get(); }

 private:
  explicit SigningKey(Owned<evp_pkey_st> key) : key_(std::move(key)) {}
  Owned<evp_pkey_st> key_;
};

}  // namespace farkeep
