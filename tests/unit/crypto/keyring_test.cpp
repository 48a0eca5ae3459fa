#include "crypto/keyring.hpp"

#include <catch2/catch.hpp>
#include <unordered_set>

#include "base/codec.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

// The expected values are Python's (tests/vectors/crypto/make_vectors.py --examples).
TEST_CASE("keyring: subkeys are those of KEYS.md") {
  KeyRing keys{counting_secret<32>(0)};
  CHECK(hex(keys.cut_key().view()) == "24e16c18b48d6af06c56cf4bc7eb5947eee13bd1017c0d0f29eb24d3200b2876");
  CHECK(hex(keys.wrap_key().view()) == "456a63d47bf80b89aa199261d2bc6bb8caf5908805f6324c7b030fda2d0fb285");
  CHECK(hex(keys.local_key().view()) == "3e118c6564d6a1eedb4438b9dc026cb95bfbf5d941fc06ea0200350502fefe95");
  auto seed = *SecretKey::from(bytes("c8d6eaae5c0d68936f28618dec0b6651066593e1bb748a9c9ed399c0671deb53"));
  CHECK(keys.recovery_key().public_key() == SigningKey::from_seed(seed).public_key());

  auto text = as_bytes("content");
  Hmac data{bytes("de0ce981841e8f56b7c8f6ec075c2e3af9d9eca7b4836735fe738fc455fc63bf")};
  Hmac node{bytes("13569111f70bcad522b6112161ac60ebe216dd848ab53d9ee425e42b527d0616")};
  Hmac nonce{bytes("ffdfb4aec2f5786da25dbab490f479016911aa2d251368f54b290ab0aad9849c")};
  CHECK(keys.object_id(ObjectType::data, text).bytes == data(text).bytes);
  CHECK(keys.object_id(ObjectType::node, text).bytes == node(text).bytes);
  CHECK(keys.nonce_key()(text) == nonce(text));
}

TEST_CASE("keyring: the same content as data and as a node has two ids, and another root gives others") {
  KeyRing a{counting_secret<32>(0)}, b{counting_secret<32>(1)};
  auto text = as_bytes("content");
  CHECK(a.object_id(ObjectType::data, text) != a.object_id(ObjectType::node, text));
  CHECK(a.object_id(ObjectType::data, text) != b.object_id(ObjectType::data, text));
  KeyRing moved = std::move(a);
  KeyRing again{counting_secret<32>(0)};
  CHECK(moved.object_id(ObjectType::data, text) == again.object_id(ObjectType::data, text));
  CHECK(equal(moved.wrap_key().view(), again.wrap_key().view()));
}

TEST_CASE("envelope id: a keyless hash of the session id") {
  SessionId session{counting<16>(0x60)};
  Buffer joined = to_buffer(as_bytes("farkeep/1/envelope"));
  append(joined, session.view());
  CHECK(envelope_id(session).bytes == sha256(joined).bytes);
}

TEST_CASE("hedged nonce: where one part ends counts") {
  KeyRing keys{counting_secret<32>(0)};
  auto text = as_bytes("abcdef");
  auto nonce = [&](std::vector<ByteView> parts) {
    StuckRandom stuck;
    return hedged_nonce(keys.nonce_key(), stuck, parts);
  };
  CHECK(nonce({text.first(2), text.subspan(2)}) != nonce({text.first(3), text.subspan(3)}));
  CHECK(nonce({text}) != nonce({text, {}}));
  CHECK(nonce({text}) == nonce({text}));
  // More parts than lie on the stack.
  CHECK(nonce({text, text, text, text, text}) != nonce({text, text, text, text, text, text}));
}

TEST_CASE("hedged nonce: fresh randomness makes equal input differ") {
  KeyRing keys{counting_secret<32>(0)};
  SystemRandom random;
  ByteView what = as_bytes("same");
  CHECK(hedged_nonce(keys.nonce_key(), random, {&what, 1}) != hedged_nonce(keys.nonce_key(), random, {&what, 1}));
}

// Tarsnap's nonce reuse of 2011, as a test: a generator that always says the same must not repeat a nonce over other
// content.
TEST_CASE("hedged nonce: a stuck generator repeats none over a million different records") {
  KeyRing keys{counting_secret<32>(0)};
  StuckRandom stuck;
  struct Hash {
    std::size_t operator()(const std::array<std::uint8_t, 24>& a) const {
      std::size_t h;
      std::memcpy(&h, a.data(), sizeof h);
      return h;
    }
  };
  std::unordered_set<std::array<std::uint8_t, 24>, Hash> seen;
  constexpr std::uint32_t kRecords = 1'000'000;
  seen.reserve(kRecords);
  std::array<std::uint8_t, 88> header{};
  const std::uint8_t codec[] = {1, 3, 10};
  const ByteView what[] = {header, codec};
  std::uint32_t repeated = 0;
  for (std::uint32_t i = 0; i < kRecords; ++i) {
    // Where a record's header holds the id of what it carries.
    std::memcpy(header.data() + 56, &i, sizeof i);
    repeated += !seen.insert(hedged_nonce(keys.nonce_key(), stuck, what).bytes).second;
  }
  CHECK(repeated == 0);
}
