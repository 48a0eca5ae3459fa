#pragma once

#include <string_view>

#include "crypto/secret.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// A signing key for a safe: PKCS #8 PEM, encrypted as the escrow key is (KEYS.md §6).  The passphrase is not empty.
SecretText encrypted_pem(const SigningKey& key, const SecretText& passphrase);
/// Reads it, and an unencrypted one, for which the passphrase does not count.  bad_secret: it does not open the key; malformed: no Ed25519 key.
result<SigningKey> signing_key_from_pem(std::string_view pem, const SecretText& passphrase);

}  // namespace farkeep
