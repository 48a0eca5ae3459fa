#pragma once

#include "crypto/digest.hpp"
#include "crypto/random.hpp"

namespace farkeep {

/// HMAC(key, 32 random bytes ‖ each part led by its length in 8 bytes): random when the generator is good, and still
/// different for different parts when it is stuck (KEYS.md §2).
Digest hedge(const Hmac& key, Random& random, std::span<const ByteView> parts);

/// The key for hedging what is made for sealing `secret`.
Hmac hedge_key(const SecretKey& secret);

}  // namespace farkeep
