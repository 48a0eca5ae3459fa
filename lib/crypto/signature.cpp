#include "crypto/signature.hpp"

#include "crypto/openssl.hpp"
#include "crypto/pkcs8.hpp"

namespace farkeep {

std::optional<VerifyKey> VerifyKey::from(ByteView raw) {
  if (raw.size() != 32) return std::nullopt;
  VerifyKey key;
  std::memcpy(key.bytes.data(), raw.data(), raw.size());
  return key;
}

bool VerifyKey::verify(ByteView message, ByteView signature) const {
  if (signature.size() != 64) return false;
  DrainErrors drain;
  Owned<EVP_PKEY> key{EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, bytes.data(), bytes.size())};
  if (!key) return false;
  Owned<EVP_MD_CTX> ctx{must_have(EVP_MD_CTX_new(), "verifying a signature")};
  must(EVP_DigestVerifyInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr),
       "verifying a signature");
  return EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

SigningKey SigningKey::generate(Random& random) { return from_seed(random.secret<32>()); }

SigningKey SigningKey::from_seed(const SecretKey& seed) {
  auto* key = EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed.view().data(), seed.view().size());
  return SigningKey{Owned<EVP_PKEY>{must_have(key, "making an Ed25519 key")}};
}

result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  auto key = pkcs8_from_pem(pem, EVP_PKEY_ED25519);
  if (!key) return key.error();
  return SigningKey{std::move(*key)};
}

SigningKey::Signature SigningKey::sign(ByteView message) const {
  constexpr auto kDoing = "signing with Ed25519";
  Owned<EVP_MD_CTX> ctx{must_have(EVP_MD_CTX_new(), kDoing)};
  must(EVP_DigestSignInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, key_.get(), nullptr), kDoing);
  Signature signature;
  std::size_t size = signature.size();
  must(EVP_DigestSign(ctx.get(), signature.data(), &size, message.data(), message.size()), kDoing);
  return signature;
}

VerifyKey SigningKey::public_key() const {
  VerifyKey key;
  std::size_t size = key.bytes.size();
  must(EVP_PKEY_get_raw_public_key(key_.get(), key.bytes.data(), &size), "getting an Ed25519 public key");
  return key;
}

SecretText SigningKey::to_pem() const { return pkcs8_pem(*key_); }

}  // namespace farkeep
