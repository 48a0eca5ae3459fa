#include "crypto/pkcs8.hpp"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <algorithm>

#include "crypto/openssl.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxKeyPem = 4096;  // such a key has 119 bytes; the rest is for comments around it

struct FreeKeyInfo {
  void operator()(PKCS8_PRIV_KEY_INFO* p) const noexcept { PKCS8_PRIV_KEY_INFO_free(p); }
  void operator()(X509_ALGOR* p) const noexcept { X509_ALGOR_free(p); }
  void operator()(X509_SIG* p) const noexcept { X509_SIG_free(p); }
};

/// OpenSSL asks for a passphrase on the terminal unless told otherwise.
int no_passphrase(char*, int, int, void*) { return -1; }

struct Asked {
  ByteView passphrase;
  bool was_asked = false;
};
int given_passphrase(char* into, int size, int, void* of) {
  auto& asked = *static_cast<Asked*>(of);
  asked.was_asked = true;
  if (asked.passphrase.empty() || asked.passphrase.size() > static_cast<std::size_t>(size)) return -1;
  std::copy(asked.passphrase.begin(), asked.passphrase.end(), into);
  return static_cast<int>(asked.passphrase.size());
}

// A memory BIO overwrites what it frees and what it outgrows.
std::unique_ptr<BIO, FreeBio> memory(const char* doing) { return std::unique_ptr<BIO, FreeBio>{must_have(BIO_new(BIO_s_mem()), doing)}; }

SecretText text_of(BIO& bio) {
  char* text = nullptr;
  auto size = BIO_get_mem_data(&bio, &text);
  return SecretText{std::string_view{text, static_cast<std::size_t>(size)}};
}

}  // namespace

SecretText pkcs8_pem(const EVP_PKEY& key) {
  constexpr auto kDoing = "writing a private key";
  auto const bio = memory(kDoing);
  must(PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr), kDoing);
  return text_of(*bio);
}

SecretText pkcs8_pem(const EVP_PKEY& key, ByteView passphrase) {
  constexpr auto kDoing = "encrypting a private key";
  constexpr std::uint64_t kN = 1 << 14, kR = 8, kP = 8;
  std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeKeyInfo> plain{must_have(EVP_PKEY2PKCS8(&key), kDoing)};
  std::unique_ptr<X509_ALGOR, FreeKeyInfo> how{
      must_have(PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), nullptr, 0, nullptr, kN, kR, kP), kDoing)};
  std::unique_ptr<X509_SIG, FreeKeyInfo> sealed{must_have(
      PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()), static_cast<int>(passphrase.size()), plain.get(), how.get()), kDoing)};
  (void)how.release();  // it is part of `sealed` now
  auto const bio = memory(kDoing);
  must(PEM_write_bio_PKCS8(bio.get(), sealed.get()), kDoing);
  return text_of(*bio);
}

result<Owned<EVP_PKEY>> pkcs8_from_pem(std::string_view pem, int type) {
  if (pem.size() > kMaxKeyPem) return Errc::too_large;
  DrainErrors drain;
  std::unique_ptr<BIO, FreeBio> bio{
      must_have(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "reading a private key")};
  Owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)};
  if (!key || EVP_PKEY_get_id(key.get()) != type) return Errc::malformed;
  return key;
}

result<Owned<EVP_PKEY>> pkcs8_from_pem(std::string_view pem, int type, ByteView passphrase) {
  if (pem.size() > kMaxKeyPem) return Errc::too_large;
  DrainErrors drain;
  std::unique_ptr<BIO, FreeBio> bio{
      must_have(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "reading a private key")};
  Asked asked{passphrase};
  Owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(bio.get(), nullptr, given_passphrase, &asked)};
  if (!key && asked.was_asked) return Errc::bad_secret;
  if (!key || EVP_PKEY_get_id(key.get()) != type) return Errc::malformed;
  return key;
}

}  // namespace farkeep
