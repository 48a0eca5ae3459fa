#include "base/log.hpp"
#include "vault/vault.hpp"
#include "vault/vault_cost.hpp"

// A newest snapshot that an operator takes out of the way (LOCKING.md §11).
namespace farkeep {

// By their names: what rotted in one of them does not bring its snapshot back.
task<void> Vault::load_aside() {
  auto const objects = co_await store_.list(layout_.asides());
  for (const ObjectInfo& object : objects) {
    auto key = VaultLayout::aside_of(object.name);
    if (!key) continue;
    auto const bytes = co_await read_small(object.name);
    auto const aside = parse_aside_object(bytes ? ByteView{*bytes} : ByteView{});
    if (!aside) log_error("{} is damaged: why it was set aside is not known any more", object.name);
    aside_.emplace(std::move(*key), aside ? aside->reason : std::string{});
  }
}

// 1. is it the newest?  2. all there is of it, to its new place  3. out of the old ones
// A crash after 2 is finished at the next opening; the commit lock keeps commits out meanwhile.
task<void> Vault::set_head_aside(std::uint64_t sequence, std::string reason, std::int64_t now_ns) {
  refuse_if_closing();
  auto held = co_await committing_.take();
  auto const row = rows_.find(sequence);
  auto const before = aside_.lower_bound({sequence, std::string{}});
  if (row == rows_.end() && before != aside_.end() && before->first.first == sequence) co_return;  // the order was given before
  if (row == rows_.end()) throw failure(Errc::not_found, "setting snapshot " + std::to_string(sequence) + " aside: there is none with this number");
  if (sequence != head().sequence)
    throw failure(Errc::usage, "setting snapshot " + std::to_string(sequence) + " aside: only the newest one can be, which is " + std::to_string(head().sequence));
  auto const digest = VaultLayout::brief_digest(row->second.digest);
  auto commit = co_await store_.get(layout_.snapshot(sequence));
  if (!commit) throw failure(Errc::damaged, "setting snapshot " + std::to_string(sequence) + " aside: it cannot be read");
  auto partner = co_await store_.get(layout_.partner(sequence));
  AsideObject aside;
  aside.time_ns = now_ns;
  aside.reason = reason;
  aside.commit = std::move(*commit);
  if (partner) aside.partner_receipt = std::move(*partner);
  Buffer bytes = encode(aside);
  small_bytes_ += in_blocks(bytes.size());
  co_await store_.put(layout_.aside(sequence, digest), std::move(bytes));
  aside_.emplace(std::pair{sequence, digest}, std::move(reason));
  rows_.erase(sequence);
  co_await store_.remove(layout_.partner(sequence));
  co_await store_.remove(layout_.snapshot(sequence));
  co_await count_small_objects();
  log_warning("{}: snapshot {} is set aside", layout_.top(), sequence);
}

}  // namespace farkeep
