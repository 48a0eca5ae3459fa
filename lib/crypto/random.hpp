#pragma once

#include "base/bytes.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// Where keys, ids and salts come from.  Tests step one of their own.
/// fill() fills all of it or throws failure.  Not safe from several threads, unless a class says so.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteView out) = 0;

  template <class IdT>
  IdT id() {
    IdT out;
    fill(out.bytes);
    return out;
  }
  /// A fresh key: root, session, seed.
  template <std::size_t N>
  Secret<N> secret() {
    Secret<N> out;
    fill(out.mutable_view());
    return out;
  }
};

/// OpenSSL's generator for private values (RAND_priv_bytes), seeded by the kernel.  Safe from several threads.
class SystemRandom final : public Random {
 public:
  void fill(MutableByteView out) override;
};

}  // namespace farkeep
