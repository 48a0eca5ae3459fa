#pragma once

#include <cstdint>

#include "base/id.hpp"
#include "crypto/aead.hpp"
#include "crypto/digest.hpp"
#include "crypto/random.hpp"
#include "crypto/locked_key.hpp"
#include "crypto/secret.hpp"
#include "crypto/signature.hpp"

namespace farkeep {

/// What an object is.  The value stands in record headers (archive/FORMAT.md).
enum class ObjectType : std::uint8_t { data = 1, node = 2, envelope = 3 };

/// A job, as a server sees it: a keyed hash of its name.
using SeriesId = Id<16, struct SeriesTag>;

/// The subkeys of one root key (KEYS.md §1).
///
/// Keeps what every chunk needs ready to use, and R itself for the keys that are asked for once.  Moved only; const
/// calls are safe from several threads at once.
class KeyRing {
 public:
  /// Throws failure (damaged) for thirty-two zeros.
  explicit KeyRing(const SecretKey& root);

  /// The name of a chunk or a node: HMAC under the type's own key.  An envelope's is envelope_id().
  ObjectId object_id(ObjectType type, ByteView plain) const;
  /// Where chunks and catalog nodes are cut.
  SecretKey cut_key() const { return subkey("farkeep/1/cut"); }
  /// For hedged_nonce().
  const Hmac& nonce_key() const noexcept { return nonce_; }
  /// Seals session envelopes.
  SecretKey wrap_key() const { return subkey("farkeep/1/wrap"); }
  /// What the agent keeps on its own disk.
  SecretKey local_key() const { return subkey("farkeep/1/local"); }
  /// Binds what a manifest's statement says, for whoever holds R (archive/FORMAT.md §4).
  Digest binding(ByteView statement_body) const;
  /// Which snapshots are of one job, for who does not know the jobs.
  SeriesId series(ByteView job) const;
  /// Proves to a server that somebody holds R, when a vault is taken over on a new machine.
  SigningKey recovery_key() const { return SigningKey::from_seed(subkey("farkeep/1/recover")); }

 private:
  SecretKey subkey(std::string_view label) const;

  LockedKey root_;
  Hmac data_id_, node_id_, nonce_, bind_;
};

/// A nonce for sealing under a key that goes with `nonce_key`.  `what` holds all that tells this plaintext from others:
/// then a random generator that is stuck or cloned cannot make one nonce serve two plaintexts (KEYS.md §2).
Nonce192 hedged_nonce(const Hmac& nonce_key, Random& random, std::span<const ByteView> what);

/// The name of a session's envelope: keyless, so that a server can compute it.
ObjectId envelope_id(const SessionId& session);

}  // namespace farkeep
