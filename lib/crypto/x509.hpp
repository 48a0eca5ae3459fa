#pragma once

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/openssl.hpp"

/// OpenSSL's X.509 objects, for the certificate*.cpp and authority.cpp files.
namespace farkeep {

struct X509Free {
  void operator()(ASN1_INTEGER* p) const noexcept { ASN1_INTEGER_free(p); }
  void operator()(BIGNUM* p) const noexcept { BN_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free(p); }
  void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(X509_EXTENSION* p) const noexcept { X509_EXTENSION_free(p); }
  void operator()(X509_REQ* p) const noexcept { X509_REQ_free(p); }
  void operator()(X509_STORE* p) const noexcept { X509_STORE_free(p); }
  void operator()(X509_STORE_CTX* p) const noexcept { X509_STORE_CTX_free(p); }
  void operator()(STACK_OF(X509) * p) const noexcept { sk_X509_free(p); }
};
template <class T>
using X509Owned = std::unique_ptr<T, X509Free>;

/// A memory BIO that reads `bytes`, which outlive it.
inline X509Owned<BIO> reading(ByteView bytes) {
  return X509Owned<BIO>{must_have(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), "reading PEM")};
}
inline X509Owned<BIO> writing() { return X509Owned<BIO>{must_have(BIO_new(BIO_s_mem()), "writing PEM")}; }
inline std::string written(BIO* bio) {
  char* text = nullptr;
  auto size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace farkeep
