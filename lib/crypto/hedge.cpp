#include "crypto/hedge.hpp"

#include <array>
#include <vector>

namespace farkeep {

Digest hedge(const Hmac& key, Random& random, std::span<const ByteView> parts) {
  std::array<std::uint8_t, 32> fresh;
  random.fill(fresh);
  // Records have two or three parts: no allocation for those.
  constexpr std::size_t kUsual = 4;
  std::array<std::array<std::uint8_t, 8>, kUsual> few_lengths;
  std::array<ByteView, 1 + 2 * kUsual> few_views;
  std::vector<std::array<std::uint8_t, 8>> many_lengths;
  std::vector<ByteView> many_views;
  std::span<std::array<std::uint8_t, 8>> lengths = few_lengths;
  std::span<ByteView> views = few_views;
  if (parts.size() > kUsual) {
    many_lengths.resize(parts.size());
    many_views.resize(1 + 2 * parts.size());
    lengths = many_lengths;
    views = many_views;
  }
  std::size_t n = 0;
  views[n++] = fresh;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (std::size_t b = 0; b < 8; ++b) lengths[i][b] = static_cast<std::uint8_t>(parts[i].size() >> (8 * b));
    views[n++] = lengths[i];
    views[n++] = parts[i];
  }
  return key(views.first(n));
}

Hmac hedge_key(const SecretKey& secret) {
  SecretKey key;
  hkdf_sha256(secret.view(), {}, "farkeep/1/hedge", key.mutable_view());
  return Hmac{key.view()};
}

}  // namespace farkeep
