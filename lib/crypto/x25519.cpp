#include "crypto/x25519.hpp"

#include "crypto/openssl.hpp"
#include "crypto/pkcs8.hpp"

namespace farkeep {
namespace {

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

}  // namespace farkeep
