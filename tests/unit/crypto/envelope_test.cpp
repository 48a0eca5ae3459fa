#include "crypto/envelope.hpp"

#include <catch2/catch.hpp>

#include "crypto/keyring.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

const SessionId kSession{counting<16>(0x60)};
SecretKey session_key() { return counting_secret<32>(0x40); }
SecretKey wrap_key() { return KeyRing{counting_secret<32>(0)}.wrap_key(); }
X25519PrivateKey owner() { return X25519PrivateKey::from_secret(counting_secret<32>(0x80)); }

Buffer golden_envelope(const std::string& name) {
  for (const auto& v : vectors("envelope"))
    if (v.name == name) return v.raw("envelope");
  FAIL("no vector " << name);
  return {};
}

}  // namespace

TEST_CASE("envelope: every vector is read as its file says") {
  auto all = vectors("envelope");
  REQUIRE(all.size() == 17);
  for (const auto& v : all) {
    INFO(v.name);
    auto envelope = v.raw("envelope");
    auto session = *SessionId::from(ByteView{v.raw("session")});
    auto opened =
        v.has("private")
            ? open_envelope(envelope, session, X25519PrivateKey::from_secret(*SecretKey::from(v.raw("private"))))
            : open_envelope(envelope, session, KeyRing{*SecretKey::from(v.raw("root"))}.wrap_key());
    if (v.outcome == "ok") {
      REQUIRE(opened);
      CHECK(equal(opened->view(), v.raw("session_key")));
    } else {
      REQUIRE_FALSE(opened);
      CHECK(opened.error() == promised(v.outcome));
    }
  }
}

TEST_CASE("envelope: writes the bytes that the second implementation writes") {
  CountingRandom a, b;
  CHECK(hex(seal_envelope(session_key(), kSession, wrap_key(), a)) == hex(golden_envelope("wrap.ok")));
  CHECK(hex(seal_envelope_for(owner().public_key(), session_key(), kSession, b)) == hex(golden_envelope("x25519.ok")));
}

TEST_CASE("envelope: a changed bit anywhere is refused") {
  auto wrap = wrap_key();
  auto key = owner();
  auto wrapped = golden_envelope("wrap.ok"), sealed_for = golden_envelope("x25519.ok");
  auto every_bit = [](Buffer& data, auto opens) {
    for (std::size_t i = 0; i < data.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        data[i] = static_cast<std::uint8_t>(data[i] ^ (1 << bit));
        INFO("byte " << i << " bit " << bit);
        CHECK_FALSE(opens(data));
        data[i] = static_cast<std::uint8_t>(data[i] ^ (1 << bit));
      }
    CHECK(opens(data));
  };
  every_bit(wrapped, [&](ByteView e) { return open_envelope(e, kSession, wrap).has_value(); });
  // The top bit of an X25519 point is not part of it (RFC 7748 §5), but it is part of what is authenticated.
  every_bit(sealed_for, [&](ByteView e) { return open_envelope(e, kSession, key).has_value(); });
}

TEST_CASE("envelope: any length but its own is refused") {
  for (auto name : {"wrap.ok", "x25519.ok"}) {
    auto good = golden_envelope(name);
    for (std::size_t size = 0; size < 200; ++size) {
      auto other = good;
      other.resize(size);
      CHECK(envelope_kind(other, kSession).has_value() == (size == good.size()));
    }
  }
}

TEST_CASE("envelope: a recipient that no secret can be agreed with is refused") {
  StuckRandom random;
  CHECK_THROWS_AS(seal_envelope_for(X25519PublicKey{}, session_key(), kSession, random), failure);
}

TEST_CASE("envelope: a stuck generator repeats neither nonce nor ephemeral key for another session or session key") {
  SessionId other_session{counting<16>(0x61)};
  auto other_key = counting_secret<32>(0x41);
  auto nonce = [](const SecretKey& key, const SessionId& session) {
    StuckRandom stuck;
    return hex(ByteView{seal_envelope(key, session, wrap_key(), stuck)}.subspan(22, 24));
  };
  auto ephemeral = [](const SecretKey& key, const SessionId& session) {
    StuckRandom stuck;
    return hex(ByteView{seal_envelope_for(owner().public_key(), key, session, stuck)}.subspan(22, 32));
  };
  CHECK(nonce(session_key(), kSession) != nonce(other_key, kSession));
  CHECK(nonce(session_key(), kSession) != nonce(session_key(), other_session));
  CHECK(ephemeral(session_key(), kSession) != ephemeral(other_key, kSession));
  CHECK(ephemeral(session_key(), kSession) != ephemeral(session_key(), other_session));
}
