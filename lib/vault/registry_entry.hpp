#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "crypto/revocation.hpp"
#include "vault/identity.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

inline constexpr std::uint32_t kAccountEntry = 1, kAgentEntry = 2, kSlotEntry = 3, kToldEntry = 4, kAlarmEntry = 5;  // RegistryEntry.kind

/// Makes an entry this server's word: its author, the time, its signature of all of it (REGISTRY.md §2), its certificates.
void sign_entry(wire::pb::RegistryEntry& entry, const Identity& identity, WallTime now);

/// Whose word an entry is.  For the entries of one page, which are few servers': remembers the chain that it checked last.
class EntryJudge {
 public:
  explicit EntryJudge(TrustedRoots roots, Revocations revoked = {}) : roots_(std::move(roots)), revoked_(std::move(revoked)) {}
  struct Said {
    ServerId author;
    std::optional<WallTime> revoked_since;  ///< the root took this key back; when it was signed is its holder's word
  };
  /// The author, if its server certificate was valid when it says that it signed, and that is not later than a day from now.
  /// Errors: malformed, identity.
  result<Said> said_by(const wire::pb::RegistryEntry& entry, WallTime now);

 private:
  struct Signer {
    std::string chain;
    ServerId server;
    VerifyKey key;
    WallTime from, until;
    std::optional<WallTime> revoked_since;
  };
  result<Signer> signer_at(const wire::pb::RegistryEntry& entry, WallTime at);

  const TrustedRoots roots_;
  const Revocations revoked_;
  std::optional<Signer> last_;
};

/// What is looked up once for the entries of one page: who the partner is, what the root said, and whose certificates held.
struct EntryPage {
  EntryPage() = default;
  std::optional<std::string> partner;  ///< its id, empty where there is none
  std::optional<EntryJudge> judge;
};

/// Whether the root took back the key that signed a word of this server that lies here.
bool is_by_revoked_key(const wire::pb::RegistryEntry& entry, const ServerId& self, const Revocations& revoked);

}  // namespace farkeep
