#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "agent/vault_port.hpp"
#include "crypto/certificate.hpp"
#include "crypto/key_file.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {

/// Whether a root key is this agent's: it is when something that the agent has saved was made with it.  That a slot opens proves nothing: a server may show
/// another agent's slot, and whoever knows the organisation's public key makes slots for it (KEYS.md §3).

/// One root key, and what was found that only its holder could have made.
struct RootFit {
  explicit RootFit(const KeyRing& its_ring) : ring(&its_ring) {}
  bool any() const noexcept { return !fits_at.empty(); }

  const KeyRing* ring;
  std::set<ServerId> fits_at;  ///< servers that show such a statement
  bool is_protected = false;   ///< both servers of the pair have acknowledged one
  std::uint64_t first = 0;     ///< the lowest number of one, as far as was read
};

/// Whose statements count, and whose receipts.
struct FitTrust {
  FitTrust() = default;
  KeyOwner owner;
  std::optional<TrustedRoots> roots;  ///< none: no receipt counts
  std::vector<ServerId> pair;
};

/// Looks through the statements that a server shows, at most kMostFitPages pages: the newest one, then from the oldest on, until some key fits.  One statement
/// is enough, whatever else lies there: those of servers and thieves make no key look wrong.  Statements of format 1 bind nothing; where no other one fits, the
/// details that a key's holder sealed count for it.
///
/// Returns whether the server shows statements of format 2 of this agent.  Throws failure: protocol, or what the connection throws.
task<bool> look_for_fit(VaultPort& vault, FitTrust trust, std::vector<RootFit*> keys);
inline constexpr int kMostFitPages = 4;  // of 256: the oldest were made before any theft, and agents remove none

}  // namespace farkeep
