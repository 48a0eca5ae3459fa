#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"
#include "crypto/x25519.hpp"

namespace farkeep {

/// The envelope of a session key SK (KEYS.md §5): stored once for each session, so that whoever holds R, or the private
/// half of a write-only agent's key, can open that run's records.
inline constexpr std::size_t kMaxEnvelope = 134;

enum class EnvelopeKind : std::uint8_t { wrap = 1, x25519 = 2 };

/// Under R's wrap key.
Buffer seal_envelope(const SecretKey& session_key, const SessionId& session, const SecretKey& wrap_key, Random& random);
/// To a public key: the sealer itself cannot open it again.  Throws failure (malformed) for the few public keys that
/// no secret can be agreed with.
Buffer seal_envelope_for(const X25519PublicKey& recipient, const SecretKey& session_key, const SessionId& session,
                         Random& random);

/// What kind an envelope is, and whether it is of `session`: malformed, unsupported_version, id_mismatch.
result<EnvelopeKind> envelope_kind(ByteView envelope, const SessionId& session);

/// The session key.  Besides what envelope_kind() refuses: bad_secret for the other kind of envelope or another
/// recipient's, damaged when the tag does not fit (a changed byte, or another root's wrap key).
result<SecretKey> open_envelope(ByteView envelope, const SessionId& session, const SecretKey& wrap_key);
result<SecretKey> open_envelope(ByteView envelope, const SessionId& session, const X25519PrivateKey& recipient);

}  // namespace farkeep
