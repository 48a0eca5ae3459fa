#include <algorithm>

#include "base/log.hpp"
#include "vault/small_object.hpp"
#include "vault/vault.hpp"
#include "vault/vault_limits.hpp"

// Key slots: opaque to us, few, and of use only while the agent can still add one.
namespace farkeep {

// 1. is it here, or set aside?  2. is there room, and today?  3. the next number
task<void> Vault::add_slot(Buffer slot, SlotFrom from, std::int64_t now_ns) {
  refuse_if_closing();
  if (slot.size() > vault_limits::kMaxSlot) throw failure(Errc::too_large, "adding a key slot: it has more than 4 KiB");
  auto held = co_await slotting_.take();
  auto const known = co_await slots();
  if (std::find(known.begin(), known.end(), slot) != known.end()) co_return;
  SlotNumber next;
  next.from = from;
  next.day = SlotNumber::day_of(now_ns);
  std::size_t of_side = 0, of_day = 0;
  // A number that lies in slot-aside/ is not given again, and counts to its day.
  auto const count = [&](const std::string& name) {
    auto const number = VaultLayout::number_of(name);
    if (!number) return false;
    auto const one = SlotNumber::of(*number);
    if (one.from != from) return false;
    if (one.day == next.day) ++of_day;
    next.n = std::max(next.n, one.n);
    return true;
  };
  auto const asides = co_await store_.list(layout_.slot_asides());
  for (const ObjectInfo& object : asides) {
    count(object.name);
    auto const bytes = co_await read_small(object.name);
    auto const aside = parse_slot(bytes ? ByteView{*bytes} : ByteView{});
    if (aside && *aside == slot) throw failure(Errc::quota, "adding a key slot: an operator of this server set this one aside");
  }
  if (known.size() >= vault_limits::kMaxSlots)
    throw failure(Errc::quota, "adding a key slot: this vault has 64 already; the server's administrator can set some aside (farkeep-server slots)");

  auto const objects = co_await store_.list(layout_.slots());
  for (const ObjectInfo& object : objects)
    if (count(object.name)) ++of_side;
  if (from == SlotFrom::partner && of_side >= vault_limits::kSlotsOfPartner) throw failure(Errc::quota, "adding a key slot: the partner brought 32 to this vault already");
  if (of_day >= vault_limits::kSlotsADay) throw failure(Errc::quota, "adding a key slot: this vault got 16 today; try again tomorrow");
  // A number may be taken by a slot that can no longer be read.
  for (;;) {
    ++next.n;
    bool const made = co_await store_.put_new(layout_.slot(next.number()), encode_slot(slot));
    if (!made) continue;
    small_bytes_ += vault_limits::kBlock;
    co_return;
  }
}

task<std::vector<Buffer>> Vault::slots() {
  std::vector<Buffer> out;
  auto objects = co_await store_.list(layout_.slots());
  for (const ObjectInfo& object : objects) {
    auto bytes = co_await read_small(object.name);
    if (!bytes) continue;
    auto slot = parse_slot(*bytes);
    // Earlier versions took larger ones, and more of them, from the partner: none of those was ever an agent's.
    if (slot && (slot->size() > vault_limits::kMaxSlot || out.size() == vault_limits::kMaxSlots)) {
      log_warning("{} is passed over: a vault has at most {} key slots of at most {} bytes", object.name, vault_limits::kMaxSlots, vault_limits::kMaxSlot);
    } else if (slot) {
      out.push_back(std::move(*slot));
    } else {
      log_error("{} is damaged", object.name);
    }
  }
  co_return out;
}

// 1. to its new place  2. out of the old one.  The order once more after a crash between finds the first done, and does the second.
task<void> Vault::set_slot_aside(std::uint64_t number) {
  refuse_if_closing();
  auto held = co_await slotting_.take();
  auto bytes = co_await read_for_order(layout_.slot(number), "setting a key slot aside");
  auto const before = co_await read_for_order(layout_.slot_aside(number), "setting a key slot aside: the one that was before it");
  if (!bytes) {
    if (before) co_return;
    throw failure(Errc::not_found, "setting a key slot aside: there is none with this number");
  }
  if (before && *before != *bytes) throw failure(Errc::exists, "setting a key slot aside: another one with this number was set aside before");
  co_await store_.put_new(layout_.slot_aside(number), std::move(*bytes));
  co_await store_.remove(layout_.slot(number));
  co_await count_small_objects();
  log_warning("{} is set aside", layout_.slot(number));
}

}  // namespace farkeep
