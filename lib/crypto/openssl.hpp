#pragma once

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>

#include "base/bytes.hpp"
#include "crypto/handles.hpp"

/// How this module talks to OpenSSL: algorithms fetched once, no error left in the queue.  Included by .cpp files only.
namespace farkeep {

/// Throws failure with OpenSSL's own words, and leaves its error queue empty.  For what cannot happen with right
/// arguments (no memory, no random bytes, an algorithm that the library was built without), never for bad input.
[[noreturn]] void throw_openssl(const char* doing);

/// OpenSSL says 1 for done.
inline void must(int done, const char* doing) {
  if (done != 1) throw_openssl(doing);
}
template <class T>
T* must_have(T* p, const char* doing) {
  if (p == nullptr) throw_openssl(doing);
  return p;
}

/// Empties the error queue when input was refused: what one call left there must not confuse the next TLS read.
struct DrainErrors {
  DrainErrors() = default;
  DrainErrors(const DrainErrors&) = delete;
  DrainErrors& operator=(const DrainErrors&) = delete;
  ~DrainErrors() { ERR_clear_error(); }
};

struct FreeBio {
  void operator()(BIO* p) const noexcept { BIO_free(p); }
};

// Fetching by name takes locks and string compares; these do it once.  Never freed: they must outlive every static.
const EVP_MD* sha256_algorithm();
const EVP_CIPHER* aes_128_ecb_algorithm();
const EVP_CIPHER* aes_256_ecb_algorithm();
const EVP_CIPHER* aes_256_gcm_algorithm();
EVP_KDF* hkdf_algorithm();
EVP_KDF* scrypt_algorithm();

/// AES-256-GCM with a 96-bit nonce, for keys that are made for one message: XAES, slots, envelopes.
/// `out` has plain.size() + 16 bytes and may begin where `plain` does.
void gcm_seal(ByteView key, ByteView nonce, std::span<const ByteView> aad, ByteView plain, MutableByteView out);
/// False, and `out` zeroed, when the tag does not fit.  `out` has sealed.size() - 16 bytes; sealed.size() >= 16.
bool gcm_open(ByteView key, ByteView nonce, std::span<const ByteView> aad, ByteView sealed, MutableByteView out);
/// The nonce under a key that is made for one message.
inline constexpr std::array<std::uint8_t, 12> kNoNonce{};

}  // namespace farkeep
