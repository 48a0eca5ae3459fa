#pragma once

#include <memory>

// OpenSSL's types, without its headers.
struct evp_cipher_ctx_st;
struct evp_md_ctx_st;
struct evp_pkey_st;
struct x509_st;

namespace farkeep {

/// Frees what OpenSSL allocated; it overwrites key material as it does so.
struct OpensslFree {
  void operator()(evp_cipher_ctx_st* p) const noexcept;
  void operator()(evp_md_ctx_st* p) const noexcept;
  void operator()(evp_pkey_st* p) const noexcept;
};
template <class T>
using Owned = std::unique_ptr<T, OpensslFree>;

}  // namespace farkeep
