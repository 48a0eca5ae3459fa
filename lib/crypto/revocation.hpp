#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "crypto/certificate.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// Servers and keys that the root took back (KEYS.md §6, "The root's word").  A value.
class Revocations {
 public:
  void add_server(const ServerId& id, WallTime since) { entries_.push_back({id, std::nullopt, since}); }
  void add_key(const VerifyKey& key, WallTime since) { entries_.push_back({std::nullopt, key, since}); }
  bool empty() const noexcept { return entries_.empty(); }
  bool has_key(const VerifyKey& key) const;

  /// Why this certificate, which passed checked_chain(), is not good all the same; empty: it is.  `above`: what vouches for it.
  /// A server's: when its id, its key, or a key above it was revoked.  An agent's: when a key above it was, and it was made since then.
  std::string objection(const CertificateName& name, const Certificate& leaf, std::span<const Certificate> above) const;
  /// Since when this server's name, its key, or the key that certified it is taken back: the earliest; nothing when none of them is.
  std::optional<WallTime> since(const ServerId& server, std::span<const Certificate> chain) const;

 private:
  struct Entry {
    std::optional<ServerId> server;
    std::optional<VerifyKey> key;
    WallTime since;
  };
  std::vector<Entry> entries_;
};

}  // namespace farkeep
