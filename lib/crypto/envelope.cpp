#include "crypto/envelope.hpp"

#include "base/codec.hpp"
#include "crypto/aead.hpp"
#include "crypto/digest.hpp"
#include "crypto/hedge.hpp"
#include "crypto/keyring.hpp"
#include "crypto/openssl.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kEnvelopeMagic = "FKEV";
constexpr std::uint8_t kEnvelopeVersion = 1;
constexpr std::size_t kEnvelopeHead = 4 + 1 + 1 + SessionId::kSize, kSealedSession = 48;
constexpr std::size_t kWrapEnvelope = kEnvelopeHead + 24 + kSealedSession, kX25519Envelope = kEnvelopeHead + 64 + kSealedSession;
static_assert(kX25519Envelope == kMaxEnvelope);

Buffer head(EnvelopeKind kind, const SessionId& session) {
  Buffer out;
  out.reserve(kMaxEnvelope);
  Writer w{out};
  w.raw(as_bytes(kEnvelopeMagic));
  w.number(kEnvelopeVersion);
  w.number(static_cast<std::uint8_t>(kind));
  w.raw(session.view());
  return out;
}

/// `ends` is ephemeral ‖ recipient, as in the envelope.
SecretKey x25519_key(const SecretKey& shared, ByteView ends) {
  SecretKey key;
  hkdf_sha256(shared.view(), ends, "farkeep/1/envelope/x25519", key.mutable_view());
  return key;
}

}  // namespace

Buffer seal_envelope(const SecretKey& session_key, const SessionId& session, const SecretKey& wrap_key,
                     Random& random) {
  const ByteView parts[] = {session.view(), session_key.view()};
  Nonce192 nonce = hedged_nonce(hedge_key(wrap_key), random, parts);
  Buffer out = head(EnvelopeKind::wrap, session);
  std::array<std::uint8_t, kSealedSession> sealed;
  ByteView aad = out;
  XAes256Gcm{wrap_key}.seal(nonce, {&aad, 1}, session_key.view(), sealed);
  append(out, nonce.view());
  append(out, sealed);
  return out;
}

Buffer seal_envelope_for(const X25519PublicKey& recipient, const SecretKey& session_key, const SessionId& session,
                         Random& random) {
  const ByteView parts[] = {as_bytes("envelope"), recipient.view(), session.view()};
  Digest scalar = hedge(hedge_key(session_key), random, parts);
  auto ephemeral = X25519PrivateKey::from_secret(*SecretKey::from(scalar.view()));
  wipe(scalar.bytes);
  auto shared = value_or_throw(ephemeral.agree(recipient), "sealing a session key to a write-only agent's public key");
  Buffer out = head(EnvelopeKind::x25519, session);
  append(out, ephemeral.public_key().view());
  append(out, recipient.view());
  std::array<std::uint8_t, kSealedSession> sealed;
  ByteView aad = out;
  gcm_seal(x25519_key(shared, aad.last(64)).view(), kNoNonce, {&aad, 1}, session_key.view(), sealed);
  append(out, sealed);
  return out;
}

result<EnvelopeKind> envelope_kind(ByteView envelope, const SessionId& session) {
  if (envelope.size() < kEnvelopeHead || as_text(envelope.first(kEnvelopeMagic.size())) != kEnvelopeMagic) return Errc::malformed;
  if (envelope[4] != kEnvelopeVersion) return Errc::unsupported_version;
  auto kind = static_cast<EnvelopeKind>(envelope[5]);
  switch (kind) {
    case EnvelopeKind::wrap:
      if (envelope.size() != kWrapEnvelope) return Errc::malformed;
      break;
    case EnvelopeKind::x25519:
      if (envelope.size() != kX25519Envelope) return Errc::malformed;
      break;
    default:
      return Errc::unsupported_version;
  }
  if (!equal(envelope.subspan(6, SessionId::kSize), session.view())) return Errc::id_mismatch;
  return kind;
}

result<SecretKey> open_envelope(ByteView envelope, const SessionId& session, const SecretKey& wrap_key) {
  auto kind = envelope_kind(envelope, session);
  if (!kind) return kind.error();
  if (*kind != EnvelopeKind::wrap) return Errc::bad_secret;
  ByteView aad = envelope.first(kEnvelopeHead);
  Nonce192 nonce;
  std::memcpy(nonce.bytes.data(), envelope.data() + kEnvelopeHead, nonce.bytes.size());
  SecretKey session_key;
  auto opened = XAes256Gcm{wrap_key}.open(nonce, {&aad, 1}, envelope.last(kSealedSession), session_key.mutable_view());
  if (!opened) return opened.error();
  return session_key;
}

result<SecretKey> open_envelope(ByteView envelope, const SessionId& session, const X25519PrivateKey& recipient) {
  auto kind = envelope_kind(envelope, session);
  if (!kind) return kind.error();
  if (*kind != EnvelopeKind::x25519) return Errc::bad_secret;
  ByteView aad = envelope.first(envelope.size() - kSealedSession);
  ByteView ends = aad.last(64);
  if (!equal(ends.last(32), recipient.public_key().view())) return Errc::bad_secret;
  auto shared = recipient.agree(*X25519PublicKey::from(ends.first(32)));
  if (!shared) return shared.error();
  SecretKey session_key;
  if (!gcm_open(x25519_key(*shared, ends).view(), kNoNonce, {&aad, 1}, envelope.last(kSealedSession),
                session_key.mutable_view()))
    return Errc::damaged;
  return session_key;
}

}  // namespace farkeep
