#include "crypto/random.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <climits>

#include "crypto/openssl.hpp"

namespace farkeep {

void SystemRandom::fill(MutableByteView out) {
  while (!out.empty()) {
    auto part = out.first(std::min<std::size_t>(out.size(), INT_MAX));
    must(RAND_priv_bytes(part.data(), static_cast<int>(part.size())), "getting random bytes");
    out = out.subspan(part.size());
  }
}

}  // namespace farkeep
