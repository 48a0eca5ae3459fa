#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/key_slot.hpp"
#include "crypto/secret.hpp"

namespace farkeep {

/// The root key's slots on the servers: opening those among whatever lies there that a secret opens.  Pure.

/// Which of a server's slots a passphrase is tried on, and in which order (KEYS.md §3: anybody with the agent's key may have added some).
struct SlotPlan {
  std::vector<std::size_t> order;  ///< at most kMaxSlots, within the budget
  std::size_t fitting = 0;         ///< passphrase slots that could be tried at all
  std::string passed_over;         ///< what else lies there, and why it is not tried; for people; may be empty
};
SlotPlan plan_slots(std::span<const Buffer> slots);

/// What a secret opens.  Which of the keys is the agent's own no slot says: look_for_fit() does.
struct OpenedSlots {
  std::vector<SecretKey> roots;  ///< none twice; those that were added first and last come first
  bool any = false;              ///< there was at least one slot for such a secret
  std::string passed_over;       ///< for people; may be empty
};
/// Takes as long as half a second for each slot that is tried, and never longer than sixteen: not beside a connection.
OpenedSlots open_with_passphrase(std::span<const Buffer> slots, const SecretText& passphrase);
/// At most kMostEscrowRoots keys: anybody can seal one to the organisation.
OpenedSlots open_with_escrow(std::span<const Buffer> slots, const EscrowPrivateKey& key);
inline constexpr std::size_t kMostEscrowRoots = 32;

}  // namespace farkeep
