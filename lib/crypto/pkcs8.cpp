#include "crypto/pkcs8.hpp"

#include <openssl/pem.h>

#include "crypto/openssl.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxPem = 4096;  // such a key has 119 bytes; the rest is for comments around it

struct FreeBio {
  void operator()(BIO* p) const noexcept { BIO_free(p); }
};

/// OpenSSL asks for a passphrase on the terminal unless told otherwise.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

SecretText pkcs8_pem(const EVP_PKEY& key) {
  constexpr auto kDoing = "writing a private key";
  // A memory BIO overwrites what it frees and what it outgrows.
  std::unique_ptr<BIO, FreeBio> bio{must_have(BIO_new(BIO_s_mem()), kDoing)};
  must(PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr), kDoing);
  char* text = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &text);
  return SecretText{std::string_view{text, static_cast<std::size_t>(size)}};
}

result<Owned<EVP_PKEY>> pkcs8_from_pem(std::string_view pem, int type) {
  if (pem.size() > kMaxPem) return Errc::too_large;
  DrainErrors drain;
  std::unique_ptr<BIO, FreeBio> bio{
      must_have(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "reading a private key")};
  Owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)};
  if (!key || EVP_PKEY_get_id(key.get()) != type) return Errc::malformed;
  return key;
}

}  // namespace farkeep
