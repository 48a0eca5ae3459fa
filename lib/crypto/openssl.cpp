#include "crypto/openssl.hpp"

#include <openssl/kdf.h>
#include <openssl/x509.h>

#include <string>

#include "base/error.hpp"

namespace farkeep {

void OpensslFree::operator()(evp_cipher_ctx_st* p) const noexcept { EVP_CIPHER_CTX_free(p); }
void OpensslFree::operator()(evp_md_ctx_st* p) const noexcept { EVP_MD_CTX_free(p); }
void OpensslFree::operator()(evp_pkey_st* p) const noexcept { EVP_PKEY_free(p); }

void throw_openssl(const char* doing) {
  std::string text = doing;
  if (auto code = ERR_peek_last_error()) {
    char words[160];
    ERR_error_string_n(code, words, sizeof words);
    text += std::string(": ") + words;
  }
  ERR_clear_error();
  throw failure(make_error_code(boost::system::errc::state_not_recoverable), text);
}

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const a = must_have(EVP_MD_fetch(nullptr, "SHA256", nullptr), "fetching SHA-256");
  return a;
}
const EVP_CIPHER* aes_128_ecb_algorithm() {
  static const EVP_CIPHER* const a = must_have(EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr), "fetching AES-128");
  return a;
}
const EVP_CIPHER* aes_256_ecb_algorithm() {
  static const EVP_CIPHER* const a = must_have(EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr), "fetching AES-256");
  return a;
}
const EVP_CIPHER* aes_256_gcm_algorithm() {
  static const EVP_CIPHER* const a =
      must_have(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), "fetching AES-256-GCM");
  return a;
}
EVP_KDF* hkdf_algorithm() {
  static EVP_KDF* const a = must_have(EVP_KDF_fetch(nullptr, "HKDF", nullptr), "fetching HKDF");
  return a;
}
EVP_KDF* scrypt_algorithm() {
  static EVP_KDF* const a = must_have(EVP_KDF_fetch(nullptr, "SCRYPT", nullptr), "fetching scrypt");
  return a;
}

}  // namespace farkeep
