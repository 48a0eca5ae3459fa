#include "crypto/key_file.hpp"

#include <catch2/catch.hpp>

#include "crypto/key_slot.hpp"
#include "crypto/keyring.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

const KeyOwner kOwner{AccountId{counting<16>(0x20)}, AgentId{counting<16>(0x30)}};

}  // namespace

TEST_CASE("key file: every vector is read as its file says") {
  const auto all = vectors("key_file");
  REQUIRE(all.size() == 14);
  for (const auto& v : all) {
    INFO(v.name);
    const auto file = parse_key_file(v.raw("file"));
    if (v.outcome == "ok") {
      REQUIRE(file);
      CHECK(equal(file->root.view(), v.raw("root")));
      CHECK(file->owner == (v.name == "version_1.ok" ? std::nullopt : std::optional(kOwner)));
    } else {
      REQUIRE_FALSE(file);
      CHECK(file.error() == promised(v.outcome));
    }
  }
}

TEST_CASE("key file: writes the bytes that the second implementation writes") {
  for (const auto& v : vectors("key_file"))
    if (v.name == "bound.ok") CHECK(hex(write_key_file(counting_secret<32>(0), kOwner)) == v.text("file"));
}

TEST_CASE("key file: a changed bit anywhere is noticed") {
  Buffer file = write_key_file(counting_secret<32>(0), kOwner);
  CHECK(file.size() <= kMaxRootKeyFile);
  for (std::size_t i = 0; i < file.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      file[i] = static_cast<std::uint8_t>(file[i] ^ (1 << bit));
      INFO("byte " << i << " bit " << bit);
      CHECK_FALSE(parse_key_file(file));
      file[i] = static_cast<std::uint8_t>(file[i] ^ (1 << bit));
    }
}

TEST_CASE("root key: zeros are none, wherever one is used, written or sealed") {
  const SecretKey zeros;
  CountingRandom random;
  const auto organisation = EscrowPrivateKey::from_secret(counting_secret<32>(0x80));
  CHECK_THROWS_AS(KeyRing{zeros}, failure);
  CHECK_THROWS_AS(write_key_file(zeros, kOwner), failure);
  CHECK_THROWS_AS(seal_passphrase_slot(zeros, as_bytes("passphrase"), ScryptCost{1 << 16, 8, 1}, random), failure);
  CHECK_THROWS_AS(seal_escrow_slot(zeros, organisation.public_key(), random), failure);
}
