#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "crypto/handles.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// To whom something is sealed.
struct X25519PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  /// From exactly 32 bytes; nothing otherwise.
  static std::optional<X25519PublicKey> from(ByteView raw);
  ByteView view() const noexcept { return bytes; }

  /// SubjectPublicKeyInfo (RFC 8410) in PEM, as the openssl command writes and reads it.
  std::string to_pem() const;
  /// Malformed for anything else, another type of key too.
  static result<X25519PublicKey> from_pem(std::string_view pem);

  auto operator<=>(const X25519PublicKey&) const = default;
};

/// An X25519 key (RFC 7748).  Moved only; const calls are safe from several threads at once.
class X25519PrivateKey {
 public:
  static X25519PrivateKey generate(Random& random);
  static X25519PrivateKey from_secret(const SecretKey& scalar);
  /// PKCS #8, not encrypted, as to_pem() writes it.  Malformed for anything else, another type of key too.
  static result<X25519PrivateKey> from_pem(std::string_view pem);
  /// PKCS #8, encrypted or not; bad_secret when it is encrypted and the passphrase does not open it.
  static result<X25519PrivateKey> from_pem(std::string_view pem, const SecretText& passphrase);

  X25519PublicKey public_key() const;
  /// The shared secret, not yet a key: it goes through HKDF.  Malformed when `peer` is one of the points that would
  /// make it zero for every key.
  result<SecretKey> agree(const X25519PublicKey& peer) const;
  SecretText to_pem() const;
  /// Encrypted with a passphrase that is not empty (pkcs8.hpp says how); the openssl command reads it.
  SecretText to_pem(const SecretText& passphrase) const;

 private:
  explicit X25519PrivateKey(Owned<evp_pkey_st> key) : key_(std::move(key)) {}
  Owned<evp_pkey_st> key_;
};

}  // namespace farkeep
