#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "crypto/passphrase.hpp"
#include "crypto/random.hpp"
#include "crypto/recovery_key.hpp"
#include "crypto/secret.hpp"
#include "crypto/x25519.hpp"

namespace farkeep {

/// A key slot wraps the root key R, and is kept on both servers (KEYS.md §3).  Each of an agent's slots opens its
/// vault.
inline constexpr std::size_t kMaxSlots = 8;
inline constexpr std::size_t kMaxSlot = 512;  // a slot of version 1 has 142 or 158 bytes

enum class SlotKind : std::uint8_t { passphrase = 1, escrow = 2 };
using EscrowPublicKey = X25519PublicKey;
using EscrowPrivateKey = X25519PrivateKey;

/// What kind a slot is, without a secret.  Malformed, damaged (the checksum) or unsupported_version.
result<SlotKind> slot_kind(ByteView slot);

/// Throws failure when the passphrase is empty (usage) or check(cost) refuses the cost.  Takes as long as one scrypt.
Buffer seal_passphrase_slot(const SecretKey& root, ByteView passphrase, const ScryptCost& cost, Random& random);
/// What trying a passphrase on a slot would cost, without trying it.  Refuses what open_passphrase_slot() refuses before its scrypt.
result<ScryptCost> passphrase_cost(ByteView slot);
/// bad_secret: the wrong passphrase, or another kind of slot.  damaged, malformed, unsupported_version: as said in
/// KEYS.md, damaged also when the key in it is all zeros; malformed and too_large also when the slot asks for a cost that check() refuses.  Takes as long as one
/// scrypt, but only for a slot that is whole.
result<SecretKey> open_passphrase_slot(ByteView slot, ByteView passphrase);

/// Throws failure (malformed) when the organisation's key is one of the few that no secret can be agreed with.
Buffer seal_escrow_slot(const SecretKey& root, const EscrowPublicKey& organisation, Random& random);
/// To whom a slot is addressed: what it says, which proves nothing.  bad_secret for another kind of slot.
result<EscrowPublicKey> escrow_recipient(ByteView slot);
/// bad_secret: sealed to another key, or another kind of slot.
result<SecretKey> open_escrow_slot(ByteView slot, const EscrowPrivateKey& organisation);

}  // namespace farkeep
