#include "base/check.hpp"
#include "crypto/envelope.hpp"

using namespace farkeep;

// Nothing that was not sealed opens, under either kind of key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto wrap = *SecretKey::from(Buffer(32, 0x33));
  static const auto key = X25519PrivateKey::from_secret(*SecretKey::from(Buffer(32, 0x55)));
  ByteView envelope{data, size};
  // The session that the input claims, so that the check of it does not stop everything.
  SessionId session;
  if (size >= 22) std::memcpy(session.bytes.data(), data + 6, SessionId::kSize);
  FARKEEP_CHECK(!open_envelope(envelope, session, wrap));
  FARKEEP_CHECK(!open_envelope(envelope, session, key));
  SessionId other = session;
  other.bytes[0] ^= 1;
  FARKEEP_CHECK(!envelope_kind(envelope, other));
  return 0;
}
