#include "crypto/key_slot.hpp"

#include "base/check.hpp"
#include "base/codec.hpp"
#include "crypto/digest.hpp"
#include "crypto/hedge.hpp"
#include "crypto/key_file.hpp"
#include "crypto/openssl.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kSlotMagic = "FKSL";
constexpr std::uint8_t kSlotVersion = 1;
constexpr std::size_t kSealedRoot = 48, kCommitment = 32, kSlotChecksum = 8;
constexpr std::size_t kSlotHead = 6, kTail = kSealedRoot + kCommitment + kSlotChecksum;
constexpr std::size_t kPassphraseSlot = kSlotHead + 16 + 32 + kTail, kEscrowSlot = kSlotHead + 64 + kTail;

/// KEK ‖ KCOM.
using SlotKeys = Secret<64>;

Digest slot_checksum(ByteView before) {
  Sha256 hash;
  hash.update(as_bytes("farkeep/1/slot"));
  hash.update(before);
  return hash.finish();
}

Buffer head(SlotKind kind) {
  Buffer slot;
  slot.reserve(kEscrowSlot);
  Writer w{slot};
  w.raw(as_bytes(kSlotMagic));
  w.number(kSlotVersion);
  w.number(static_cast<std::uint8_t>(kind));
  return slot;
}

/// Appends the tail: sealed R, commitment, checksum.
Buffer close(Buffer slot, const SlotKeys& keys, const SecretKey& root) {
  if (is_no_key(root)) throw failure(Errc::damaged, "sealing a root key of zeros in a slot");
  ByteView kek = keys.view().first(32), kcom = keys.view().last(32);
  std::array<std::uint8_t, kSealedRoot> sealed;
  ByteView aad = slot;
  gcm_seal(kek, kNoNonce, {&aad, 1}, root.view(), sealed);
  append(slot, sealed);
  append(slot, Hmac{kcom}(ByteView{slot}).view());
  append(slot, slot_checksum(slot).view().first(kSlotChecksum));
  return slot;
}

/// The other way round.  `slot` is whole and of its kind's length.
result<SecretKey> open(ByteView slot, const SlotKeys& keys, Errc uncommitted) {
  ByteView kek = keys.view().first(32), kcom = keys.view().last(32);
  ByteView committed = slot.first(slot.size() - kCommitment - kSlotChecksum);
  if (!equal_constant_time(Hmac{kcom}(committed).view(), slot.subspan(committed.size(), kCommitment)))
    return uncommitted;
  ByteView aad = slot.first(slot.size() - kTail);
  SecretKey root;
  if (!gcm_open(kek, kNoNonce, {&aad, 1}, slot.subspan(aad.size(), kSealedRoot), root.mutable_view())) return Errc::damaged;
  if (is_no_key(root)) return Errc::damaged;  // made by somebody who wants backups under a key that everybody knows
  return root;
}

SlotKeys passphrase_keys(ByteView passphrase, ByteView salt, const ScryptCost& cost) {
  auto stretched = scrypt(passphrase, salt, cost);
  SlotKeys keys;
  hkdf_sha256(stretched.view(), {}, "farkeep/1/slot/passphrase", keys.mutable_view());
  return keys;
}

/// `ends` is ephemeral ‖ recipient, as in the slot.
SlotKeys escrow_keys(const SecretKey& shared, ByteView ends) {
  SlotKeys keys;
  hkdf_sha256(shared.view(), ends, "farkeep/1/slot/escrow", keys.mutable_view());
  return keys;
}

}  // namespace

result<SlotKind> slot_kind(ByteView slot) {
  if (slot.size() > kMaxSlot) return Errc::too_large;
  if (slot.size() < kSlotHead + kSlotChecksum || as_text(slot.first(kSlotMagic.size())) != kSlotMagic) return Errc::malformed;
  ByteView before = slot.first(slot.size() - kSlotChecksum);
  if (!equal(slot_checksum(before).view().first(kSlotChecksum), slot.last(kSlotChecksum))) return Errc::damaged;
  if (slot[4] != kSlotVersion) return Errc::unsupported_version;
  switch (static_cast<SlotKind>(slot[5])) {
    case SlotKind::passphrase:
      if (slot.size() != kPassphraseSlot) return Errc::malformed;
      return SlotKind::passphrase;
    case SlotKind::escrow:
      if (slot.size() != kEscrowSlot) return Errc::malformed;
      return SlotKind::escrow;
  }
  return Errc::unsupported_version;
}

Buffer seal_passphrase_slot(const SecretKey& root, ByteView passphrase, const ScryptCost& cost, Random& random) {
  if (passphrase.empty()) throw failure(Errc::usage, "sealing a key slot with an empty passphrase");
  value_or_throw(check(cost), "sealing a key slot at a cost outside the limits");
  Buffer slot = head(SlotKind::passphrase);
  Writer w{slot};
  w.number(cost.n);
  w.number(cost.r);
  w.number(cost.p);
  const ByteView parts[] = {as_bytes("slot/passphrase"), ByteView{slot}.subspan(kSlotHead)};
  Digest salt = hedge(hedge_key(root), random, parts);
  w.raw(salt.view());
  auto keys = passphrase_keys(passphrase, salt.view(), cost);
  return close(std::move(slot), keys, root);
}

result<ScryptCost> passphrase_cost(ByteView slot) {
  auto kind = slot_kind(slot);
  if (!kind) return kind.error();
  if (*kind != SlotKind::passphrase) return Errc::bad_secret;
  Reader r{slot.subspan(kSlotHead)};
  ScryptCost cost;
  cost.n = r.number<std::uint64_t>();
  cost.r = r.number<std::uint32_t>();
  cost.p = r.number<std::uint32_t>();
  if (auto fits = check(cost); !fits) return fits.error();
  return cost;
}

result<SecretKey> open_passphrase_slot(ByteView slot, ByteView passphrase) {
  auto cost = passphrase_cost(slot);
  if (!cost) return cost.error();
  return open(slot, passphrase_keys(passphrase, slot.subspan(kSlotHead + 16, 32), *cost), Errc::bad_secret);
}

Buffer seal_escrow_slot(const SecretKey& root, const EscrowPublicKey& organisation, Random& random) {
  const ByteView parts[] = {as_bytes("slot/escrow"), organisation.view()};
  Digest scalar = hedge(hedge_key(root), random, parts);
  auto ephemeral = EscrowPrivateKey::from_secret(*SecretKey::from(scalar.view()));
  wipe(scalar.bytes);
  auto shared = value_or_throw(ephemeral.agree(organisation), "sealing a key slot to the organisation's escrow key");
  Buffer slot = head(SlotKind::escrow);
  append(slot, ephemeral.public_key().view());
  append(slot, organisation.view());
  auto keys = escrow_keys(shared, ByteView{slot}.subspan(kSlotHead));
  return close(std::move(slot), keys, root);
}

result<EscrowPublicKey> escrow_recipient(ByteView slot) {
  auto kind = slot_kind(slot);
  if (!kind) return kind.error();
  if (*kind != SlotKind::escrow) return Errc::bad_secret;
  return *EscrowPublicKey::from(slot.subspan(kSlotHead + 32, 32));
}

result<SecretKey> open_escrow_slot(ByteView slot, const EscrowPrivateKey& organisation) {
  auto kind = slot_kind(slot);
  if (!kind) return kind.error();
  if (*kind != SlotKind::escrow) return Errc::bad_secret;
  ByteView ends = slot.subspan(kSlotHead, 64);
  if (!equal(ends.last(32), organisation.public_key().view())) return Errc::bad_secret;
  auto shared = organisation.agree(*EscrowPublicKey::from(ends.first(32)));
  if (!shared) return shared.error();
  return open(slot, escrow_keys(*shared, ends), Errc::damaged);
}

}  // namespace farkeep
