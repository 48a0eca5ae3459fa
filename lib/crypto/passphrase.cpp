#include "crypto/passphrase.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <bit>

#include "crypto/openssl.hpp"

namespace farkeep {

result<void> check(const ScryptCost& cost) {
  if (!std::has_single_bit(cost.n) || cost.n < ScryptCost::kLeastN || cost.r < ScryptCost::kLeastR || cost.p < 1)
    return Errc::malformed;
  // n first: the product below then stays within 64 bits.
  if (cost.n > ScryptCost::kMostMemory || 128 * cost.n * cost.r > ScryptCost::kMostMemory ||
      cost.p > ScryptCost::kMostP)
    return Errc::too_large;
  return {};
}

Secret<64> scrypt(ByteView passphrase, ByteView salt, const ScryptCost& cost) {
  value_or_throw(check(cost), "deriving a key from a passphrase at a cost outside the limits");
  return detail::scrypt_at_any_cost(passphrase, salt, cost);
}

Secret<64> detail::scrypt_at_any_cost(ByteView passphrase, ByteView salt, const ScryptCost& cost) {
  constexpr auto kDoing = "deriving a key from a passphrase";
  struct Free {
    void operator()(EVP_KDF_CTX* p) const noexcept { EVP_KDF_CTX_free(p); }
  };
  std::unique_ptr<EVP_KDF_CTX, Free> ctx{must_have(EVP_KDF_CTX_new(scrypt_algorithm()), kDoing)};
  std::uint64_t n = cost.n, most = 2 * ScryptCost::kMostMemory;  // OpenSSL counts some blocks beyond 128 * n * r
  std::uint32_t r = cost.r, p = cost.p;
  // OSSL_PARAM takes pointers that are not const, and does not write through them; an empty one must still point
  // somewhere.
  auto octets = [](const char* name, ByteView b) {
    static const std::uint8_t none = 0;
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(b.empty() ? &none : b.data()), b.size());
  };
  const OSSL_PARAM params[] = {
      octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
      octets(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
      OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
      OSSL_PARAM_construct_end(),
  };
  Secret<64> out;
  must(EVP_KDF_derive(ctx.get(), out.mutable_view().data(), out.kSize, params), kDoing);
  return out;
}

}  // namespace farkeep
