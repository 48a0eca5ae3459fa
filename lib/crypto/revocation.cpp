#include "crypto/revocation.hpp"

#include <algorithm>

#include "base/hex.hpp"

namespace farkeep {

bool Revocations::has_key(const VerifyKey& key) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key && *e.key == key; });
}

std::string Revocations::objection(const CertificateName& name, const Certificate& leaf, std::span<const Certificate> above) const {
  using Role = CertificateName::Role;
  auto const has_key = [](const Certificate& c, const VerifyKey& key) {
    auto const own = c.public_key();
    return own && *own == key;
  };
  for (auto const& entry : entries_) {
    auto const say = [&](const std::string& what) { return what + " was revoked by the data centres' root on " + rfc3339(entry.since); };
    if (entry.server) {
      if (name.role == Role::server && name.server == entry.server) return say("server " + entry.server->hex());
      // What its authority made since then is nobody's.
      for (auto const& c : above) {
        auto const issuing = c.name();
        if (issuing && issuing->server == entry.server && leaf.not_before() >= entry.since) return say("server " + entry.server->hex() + ", whose authority made this certificate,");
      }
    }
    if (!entry.key) continue;
    if (name.role == Role::server && has_key(leaf, *entry.key)) return say("the key of server " + name.server->hex());
    for (auto const& c : above)
      if (has_key(c, *entry.key) && (name.role == Role::server || leaf.not_before() >= entry.since))
        return say(c.is_root() ? "the older root to which its certificate leads" : "the issuing key by which its certificate was made");
  }
  return {};
}

std::optional<WallTime> Revocations::since(const ServerId& server, std::span<const Certificate> chain) const {
  std::optional<WallTime> out;
  for (auto const& entry : entries_) {
    bool hit = entry.server == server;
    for (auto const& c : chain) {
      auto const key = c.public_key();
      hit = hit || (entry.key && key && *key == *entry.key);
    }
    if (hit && (!out || entry.since < *out)) out = entry.since;
  }
  return out;
}

}  // namespace farkeep
