#pragma once

#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "vault/identity.hpp"
#include "vault/registry.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {

/// The signed address directory of this server's pair: how agents learn of addresses (wire.proto Directory).
///
/// The first pair in it is that of the server that answers.  The primary, which is the server that made the pair, signs it; the other
/// side adopts what has a higher serial.  Blocking; worker threads.
class AddressDirectory {
 public:
  AddressDirectory(Registry& registry, const Identity& identity, const Clock& clock)
      : registry_(registry), identity_(identity), clock_(clock) {}

  /// What is in force; signed and stored now when there was none yet, or when this server signed it with a certificate that it no longer
  /// uses or with another address or partner than today's.
  wire::pb::SignedDirectory current();
  /// Takes the partner's if it is properly signed and newer.  True when it was taken.
  bool adopt(const wire::pb::SignedDirectory& theirs);

 private:
  wire::pb::Directory wanted(std::uint64_t serial);
  std::uint64_t stored_serial(const wire::pb::SignedDirectory& stored) const;

  Registry& registry_;
  const Identity& identity_;
  const Clock& clock_;
  std::mutex mutex_;
};

}  // namespace farkeep
