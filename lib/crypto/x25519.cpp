#include "crypto/x25519.hpp"

#include <openssl/pem.h>

#include "base/check.hpp"
#include "crypto/openssl.hpp"
#include "crypto/pkcs8.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxPublicPem = 4096;  // such a key has 113 bytes; the rest is for comments around it

struct FreeContext {
  void operator()(EVP_PKEY_CTX* p) const noexcept { EVP_PKEY_CTX_free(p); }
};

}  // namespace

std::optional<X25519PublicKey> X25519PublicKey::from(ByteView raw) {
  if (raw.size() != 32) return std::nullopt;
  X25519PublicKey key;
  std::memcpy(key.bytes.data(), raw.data(), raw.size());
  return key;
}

std::string X25519PublicKey::to_pem() const {
  constexpr auto kDoing = "writing an X25519 public key";
  Owned<EVP_PKEY> key{must_have(EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, bytes.data(), bytes.size()), kDoing)};
  std::unique_ptr<BIO, FreeBio> bio{must_have(BIO_new(BIO_s_mem()), kDoing)};
  must(PEM_write_bio_PUBKEY(bio.get(), key.get()), kDoing);
  char* text = nullptr;
  auto const size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

result<X25519PublicKey> X25519PublicKey::from_pem(std::string_view pem) {
  if (pem.size() > kMaxPublicPem) return Errc::too_large;
  // OpenSSL would take a private key, too: one that lies where everybody may read it is a mistake to be told about.
  if (pem.find("-----BEGIN PUBLIC KEY-----") == pem.npos || pem.find("PRIVATE KEY") != pem.npos) return Errc::malformed;
  DrainErrors drain;
  std::unique_ptr<BIO, FreeBio> bio{
      must_have(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "reading an X25519 public key")};
  Owned<EVP_PKEY> key{PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)};
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_X25519) return Errc::malformed;
  X25519PublicKey out;
  std::size_t size = out.bytes.size();
  must(EVP_PKEY_get_raw_public_key(key.get(), out.bytes.data(), &size), "reading an X25519 public key");
  return out;
}

X25519PrivateKey X25519PrivateKey::generate(Random& random) { return from_secret(random.secret<32>()); }

X25519PrivateKey X25519PrivateKey::from_secret(const SecretKey& scalar) {
  auto* key = EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, scalar.view().data(), scalar.view().size());
  return X25519PrivateKey{Owned<EVP_PKEY>{must_have(key, "making an X25519 key")}};
}

result<X25519PrivateKey> X25519PrivateKey::from_pem(std::string_view pem) {
  auto key = pkcs8_from_pem(pem, EVP_PKEY_X25519);
  if (!key) return key.error();
  return X25519PrivateKey{std::move(*key)};
}

result<X25519PrivateKey> X25519PrivateKey::from_pem(std::string_view pem, const SecretText& passphrase) {
  auto key = pkcs8_from_pem(pem, EVP_PKEY_X25519, passphrase.view());
  if (!key) return key.error();
  return X25519PrivateKey{std::move(*key)};
}

X25519PublicKey X25519PrivateKey::public_key() const {
  X25519PublicKey key;
  std::size_t size = key.bytes.size();
  must(EVP_PKEY_get_raw_public_key(key_.get(), key.bytes.data(), &size), "getting an X25519 public key");
  return key;
}

result<SecretKey> X25519PrivateKey::agree(const X25519PublicKey& peer) const {
  constexpr auto kDoing = "agreeing on an X25519 secret";
  DrainErrors drain;
  Owned<EVP_PKEY> other{must_have(
      EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, peer.bytes.data(), peer.bytes.size()), kDoing)};
  std::unique_ptr<EVP_PKEY_CTX, FreeContext> ctx{
      must_have(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr), kDoing)};
  must(EVP_PKEY_derive_init(ctx.get()), kDoing);
  must(EVP_PKEY_derive_set_peer(ctx.get(), other.get()), kDoing);
  SecretKey shared;
  std::size_t size = shared.kSize;
  // Fails for an all-zero result (RFC 7748 §6.1).
  if (EVP_PKEY_derive(ctx.get(), shared.mutable_view().data(), &size) != 1) return Errc::malformed;
  return shared;
}

SecretText X25519PrivateKey::to_pem() const { return pkcs8_pem(*key_); }

SecretText X25519PrivateKey::to_pem(const SecretText& passphrase) const {
  FARKEEP_CHECK(!passphrase.empty());
  return pkcs8_pem(*key_, passphrase.view());
}

}  // namespace farkeep
