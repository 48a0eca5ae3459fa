#pragma once

#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "crypto/handles.hpp"
#include "crypto/secret.hpp"

/// Private keys as PKCS #8 in PEM, for signature.cpp and x25519.cpp.
namespace farkeep {

SecretText pkcs8_pem(const evp_pkey_st& key);
/// `type` is EVP_PKEY_ED25519 or EVP_PKEY_X25519; malformed for anything else, encrypted keys too.
result<Owned<evp_pkey_st>> pkcs8_from_pem(std::string_view pem, int type);

/// Encrypted (RFC 5958, PBES2 of RFC 8018): AES-256-CBC under a key that scrypt (N=2^14, r=8, p=8: 16 MiB and about
/// half a second) makes of the passphrase.  The most memory that OpenSSL and its command still read by themselves; the
/// time is made up for with p.  The passphrase is not empty.
SecretText pkcs8_pem(const evp_pkey_st& key, ByteView passphrase);
/// Reads either form; the passphrase counts for the encrypted one only.  bad_secret: it does not open the key.
result<Owned<evp_pkey_st>> pkcs8_from_pem(std::string_view pem, int type, ByteView passphrase);

}  // namespace farkeep
