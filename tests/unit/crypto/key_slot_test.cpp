#include "crypto/key_slot.hpp"

#include <catch2/catch.hpp>

#include "crypto/digest.hpp"
#include "helpers.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

constexpr ScryptCost kCheapest{1 << 16, 8, 1};
const auto kPassphrase = as_bytes("correct horse battery staple");

SecretKey root() { return counting_secret<32>(0); }
EscrowPrivateKey slot_organisation() { return EscrowPrivateKey::from_secret(counting_secret<32>(0x80)); }

Buffer golden_slot(const std::string& name) {
  for (const auto& v : vectors("slot"))
    if (v.name == name) return v.raw("slot");
  FAIL("no vector " << name);
  return {};
}

/// As somebody would change a slot who knows how its checksum is made.
Buffer rechecked(Buffer slot) {
  Buffer text = to_buffer(as_bytes("farkeep/1/slot"));
  append(text, ByteView{slot}.first(slot.size() - 8));
  auto sum = sha256(text);
  std::copy_n(sum.bytes.begin(), 8, slot.end() - 8);
  return slot;
}

}  // namespace

TEST_CASE("key slot: every vector is read as its file says") {
  auto all = vectors("slot");
  REQUIRE(all.size() == 28);
  for (const auto& v : all) {
    INFO(v.name);
    auto slot = v.raw("slot");
    auto opened = v.has("private")
                      ? open_escrow_slot(slot, EscrowPrivateKey::from_secret(*SecretKey::from(v.raw("private"))))
                      : open_passphrase_slot(slot, as_bytes(v.text("passphrase")));
    if (v.outcome == "ok") {
      REQUIRE(opened);
      CHECK(equal(opened->view(), v.raw("root")));
    } else {
      REQUIRE_FALSE(opened);
      CHECK(opened.error() == promised(v.outcome));
    }
  }
}

TEST_CASE("key slot: writes the bytes that the second implementation writes") {
  CountingRandom a, b;
  CHECK(hex(seal_passphrase_slot(root(), kPassphrase, kCheapest, a)) == hex(golden_slot("passphrase.ok")));
  CHECK(hex(seal_escrow_slot(root(), slot_organisation().public_key(), b)) == hex(golden_slot("escrow.ok")));
}

TEST_CASE("key slot: says its kind without a secret") {
  CHECK(slot_kind(golden_slot("passphrase.ok")).value() == SlotKind::passphrase);
  CHECK(slot_kind(golden_slot("escrow.ok")).value() == SlotKind::escrow);
  CHECK(slot_kind({}).error() == Errc::malformed);
  CHECK(slot_kind(Buffer(kMaxSlot + 1)).error() == Errc::too_large);
}

TEST_CASE("key slot: a changed bit anywhere is refused before any work is done") {
  auto organisation_key = slot_organisation();
  for (auto name : {"passphrase.ok", "escrow.ok"}) {
    auto slot = golden_slot(name);
    for (std::size_t i = 0; i < slot.size(); ++i) {
      INFO(name << " byte " << i);
      for (int bit = 0; bit < 8; ++bit) {
        slot[i] = static_cast<std::uint8_t>(slot[i] ^ (1 << bit));
        CHECK(slot_kind(slot).error() == (i < 4 ? Errc::malformed : Errc::damaged));
        CHECK_FALSE(open_passphrase_slot(slot, kPassphrase));
        CHECK_FALSE(open_escrow_slot(slot, organisation_key));
        slot[i] = static_cast<std::uint8_t>(slot[i] ^ (1 << bit));
      }
    }
  }
}

TEST_CASE("key slot: a changed byte is refused with a matching checksum, too") {
  auto key = slot_organisation();
  auto slot = golden_slot("escrow.ok");
  for (std::size_t i = 0; i < slot.size() - 8; ++i) {
    slot[i] ^= 1;
    INFO("byte " << i);
    CHECK_FALSE(open_escrow_slot(rechecked(slot), key));
    slot[i] ^= 1;
  }
  CHECK(open_escrow_slot(rechecked(slot), key));
}

TEST_CASE("key slot: any length but its own is refused") {
  auto key = slot_organisation();
  for (auto name : {"passphrase.ok", "escrow.ok"}) {
    auto slot = golden_slot(name);
    for (std::size_t size = 0; size <= kMaxSlot; ++size) {
      if (size == slot.size()) continue;
      auto other = slot;
      other.resize(size);
      if (size >= 8) other = rechecked(other);
      INFO(name << " size " << size);
      CHECK_FALSE(slot_kind(other));
    }
  }
}

TEST_CASE("key slot: an empty passphrase and a cost outside the limits are refused at once") {
  StuckRandom random;
  CHECK_THROWS_AS(seal_passphrase_slot(root(), {}, kCheapest, random), failure);
  CHECK_THROWS_AS(seal_passphrase_slot(root(), kPassphrase, {1 << 15, 8, 1}, random), failure);
  CHECK_THROWS_AS(seal_escrow_slot(root(), EscrowPublicKey{}, random), failure);
}

TEST_CASE("key slot: a stuck generator gives another root another salt and another ephemeral key") {
  auto salt = [](const SecretKey& key, ScryptCost cost) {
    StuckRandom stuck;
    return hex(ByteView{seal_passphrase_slot(key, kPassphrase, cost, stuck)}.subspan(22, 32));
  };
  auto ephemeral = [](const SecretKey& key, const EscrowPublicKey& to) {
    StuckRandom stuck;
    return hex(ByteView{seal_escrow_slot(key, to, stuck)}.subspan(6, 32));
  };
  auto other_root = counting_secret<32>(1);
  auto to = slot_organisation().public_key();
  auto other_to = EscrowPrivateKey::from_secret(counting_secret<32>(0x90)).public_key();
  CHECK(salt(root(), kCheapest) != salt(other_root, kCheapest));
  CHECK(salt(root(), kCheapest) != salt(root(), {1 << 16, 9, 1}));
  CHECK(ephemeral(root(), to) != ephemeral(other_root, to));
  CHECK(ephemeral(root(), to) != ephemeral(root(), other_to));
}
