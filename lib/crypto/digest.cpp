#include "crypto/digest.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>

#include "base/check.hpp"
#include "crypto/openssl.hpp"
#include "crypto/secret.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kBlock = 64;

Owned<EVP_MD_CTX> started() {
  Owned<EVP_MD_CTX> ctx{must_have(EVP_MD_CTX_new(), "making a digest context")};
  must(EVP_DigestInit_ex2(ctx.get(), sha256_algorithm(), nullptr), "starting SHA-256");
  return ctx;
}

/// This thread's context, as it was in `state`.  Copying a state costs a third of starting SHA-256 afresh (measured,
/// OpenSSL 3.0: 100 against 300 ns), so that is how plain digests begin, too.
EVP_MD_CTX* scratch(const EVP_MD_CTX* state) {
  thread_local Owned<EVP_MD_CTX> ctx{must_have(EVP_MD_CTX_new(), "making a digest context")};
  must(EVP_MD_CTX_copy_ex(ctx.get(), state), "copying a SHA-256 state");
  return ctx.get();
}

void add(EVP_MD_CTX* ctx, ByteView part) {
  must(EVP_DigestUpdate(ctx, part.data(), part.size()), "hashing with SHA-256");
}

Digest end(EVP_MD_CTX* ctx) {
  Digest d;
  must(EVP_DigestFinal_ex(ctx, d.bytes.data(), nullptr), "ending SHA-256");
  return d;
}

/// SHA-256 after the key's block, each byte of it changed by `pad`.
Owned<EVP_MD_CTX> keyed(const Secret<kBlock>& key, std::uint8_t pad) {
  Secret<kBlock> block = key.copy();
  for (auto& b : block.mutable_view()) b = static_cast<std::uint8_t>(b ^ pad);
  auto ctx = started();
  add(ctx.get(), block.view());
  return ctx;
}

}  // namespace

Digest sha256(ByteView bytes) {
  static const EVP_MD_CTX* const fresh = started().release();  // never freed: it must outlive every static
  auto* ctx = scratch(fresh);
  add(ctx, bytes);
  return end(ctx);
}

Sha256::Sha256() : ctx_(started()) {}
void Sha256::update(ByteView part) { add(ctx_.get(), part); }
Digest Sha256::finish() { return end(ctx_.get()); }

Hmac::Hmac(ByteView key) {
  Secret<kBlock> block;
  if (key.size() > kBlock) {
    Digest d = sha256(key);
    std::memcpy(block.mutable_view().data(), d.bytes.data(), d.kSize);
    wipe(d.bytes);
  } else if (!key.empty()) {
    std::memcpy(block.mutable_view().data(), key.data(), key.size());
  }
  inner_ = keyed(block, 0x36);
  outer_ = keyed(block, 0x5c);
}

Digest Hmac::operator()(std::span<const ByteView> parts) const {
  auto* ctx = scratch(inner_.get());
  for (auto part : parts) add(ctx, part);
  Digest inner = end(ctx);
  ctx = scratch(outer_.get());
  add(ctx, inner.view());
  return end(ctx);
}

Digest Hmac::operator()(ByteView one) const { return (*this)(std::span<const ByteView>{&one, 1}); }

void hkdf_sha256(ByteView key, ByteView salt, std::string_view info, MutableByteView out) {
  constexpr auto kDoing = "deriving a key with HKDF";
  struct Free {
    void operator()(EVP_KDF_CTX* p) const noexcept { EVP_KDF_CTX_free(p); }
  };
  std::unique_ptr<EVP_KDF_CTX, Free> ctx{must_have(EVP_KDF_CTX_new(hkdf_algorithm()), kDoing)};
  // OSSL_PARAM takes pointers that are not const, and does not write through them.
  auto octets = [](const char* name, ByteView b) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(b.data()), b.size());
  };
  char digest[] = "SHA256";
  std::array<OSSL_PARAM, 5> params{};
  std::size_t n = 0;
  params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
  params[n++] = octets(OSSL_KDF_PARAM_KEY, key);
  if (!salt.empty()) params[n++] = octets(OSSL_KDF_PARAM_SALT, salt);
  if (!info.empty()) params[n++] = octets(OSSL_KDF_PARAM_INFO, as_bytes(info));
  params[n] = OSSL_PARAM_construct_end();
  must(EVP_KDF_derive(ctx.get(), out.data(), out.size(), params.data()), kDoing);
}

bool equal_constant_time(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace farkeep
