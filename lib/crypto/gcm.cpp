#include <climits>

#include "base/check.hpp"
#include "crypto/openssl.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kTag = 16;

/// One context for each thread: making one costs more than sealing a small message.
EVP_CIPHER_CTX* context() {
  thread_local Owned<EVP_CIPHER_CTX> ctx;
  if (!ctx) {
    Owned<EVP_CIPHER_CTX> made{must_have(EVP_CIPHER_CTX_new(), "making a cipher context")};
    must(EVP_EncryptInit_ex2(made.get(), aes_256_gcm_algorithm(), nullptr, nullptr, nullptr), "setting up AES-256-GCM");
    ctx = std::move(made);
  }
  return ctx.get();
}

/// EVP takes lengths as int; records are a thousand times smaller.
int length(ByteView b) {
  FARKEEP_CHECK(b.size() <= INT_MAX);
  return static_cast<int>(b.size());
}

}  // namespace

void gcm_seal(ByteView key, ByteView nonce, std::span<const ByteView> aad, ByteView plain, MutableByteView out) {
  FARKEEP_CHECK(key.size() == 32 && nonce.size() == 12 && out.size() == plain.size() + kTag);
  constexpr auto kDoing = "sealing with AES-256-GCM";
  auto* ctx = context();
  int done = 0;
  must(EVP_EncryptInit_ex2(ctx, nullptr, key.data(), nonce.data(), nullptr), kDoing);
  for (auto part : aad)
    if (!part.empty()) must(EVP_EncryptUpdate(ctx, nullptr, &done, part.data(), length(part)), kDoing);
  if (!plain.empty()) must(EVP_EncryptUpdate(ctx, out.data(), &done, plain.data(), length(plain)), kDoing);
  must(EVP_EncryptFinal_ex(ctx, out.data() + plain.size(), &done), kDoing);
  must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kTag, out.data() + plain.size()), kDoing);
}

bool gcm_open(ByteView key, ByteView nonce, std::span<const ByteView> aad, ByteView sealed, MutableByteView out) {
  FARKEEP_CHECK(key.size() == 32 && nonce.size() == 12 && sealed.size() >= kTag && out.size() == sealed.size() - kTag);
  constexpr auto kDoing = "opening with AES-256-GCM";
  auto* ctx = context();
  int done = 0;
  // The tag first: `out` may cover `sealed`.
  std::uint8_t tag[kTag];
  std::memcpy(tag, sealed.data() + out.size(), kTag);
  must(EVP_DecryptInit_ex2(ctx, nullptr, key.data(), nonce.data(), nullptr), kDoing);
  must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, kTag, tag), kDoing);
  for (auto part : aad)
    if (!part.empty()) must(EVP_DecryptUpdate(ctx, nullptr, &done, part.data(), length(part)), kDoing);
  if (!out.empty())
    must(EVP_DecryptUpdate(ctx, out.data(), &done, sealed.data(), length(sealed.first(out.size()))), kDoing);
  std::uint8_t nothing[kTag];
  if (EVP_DecryptFinal_ex(ctx, nothing, &done) == 1) return true;
  ERR_clear_error();
  // What does not carry the right tag must not be seen by anyone.
  OPENSSL_cleanse(out.data(), out.size());
  return false;
}

}  // namespace farkeep
