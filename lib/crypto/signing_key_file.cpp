#include "crypto/signing_key_file.hpp"

#include <openssl/evp.h>

#include "crypto/pkcs8.hpp"

namespace farkeep {

SecretText encrypted_pem(const SigningKey& key, const SecretText& passphrase) { return pkcs8_pem(*key.native(), passphrase.view()); }

result<SigningKey> signing_key_from_pem(std::string_view pem, const SecretText& passphrase) {
  auto const key = pkcs8_from_pem(pem, EVP_PKEY_ED25519, passphrase.view());
  if (!key) return key.error();
  auto const plain = pkcs8_pem(**key);
  return SigningKey::from_pem(plain.text());
}

}  // namespace farkeep
