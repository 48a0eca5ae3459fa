#pragma once

#include <string_view>

#include "base/error.hpp"
#include "crypto/handles.hpp"
#include "crypto/secret.hpp"

/// Private keys as PKCS #8 in PEM, for signature.cpp and x25519.cpp.
namespace farkeep {

SecretText pkcs8_pem(const evp_pkey_st& key);
/// `type` is EVP_PKEY_ED25519 or EVP_PKEY_X25519; malformed for anything else, encrypted keys too.
result<Owned<evp_pkey_st>> pkcs8_from_pem(std::string_view pem, int type);

}  // namespace farkeep
