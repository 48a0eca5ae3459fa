#include "base/log.hpp"
#include "vault/vault.hpp"
#include "vault/vault_cost.hpp"

// A snapshot that an operator takes out of the way (LOCKING.md §11).
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

// For an operator's order, which is not carried out on something that cannot be read, nor for something that only seems to be gone.
task<std::optional<Buffer>> Vault::read_for_order(std::string name, std::string doing) {
  auto bytes = co_await read_small(name);
  if (!bytes && unreadable_.contains(name)) throw failure(Errc::damaged, doing + ": it cannot be read");
  co_return bytes;
}

// Another snapshot with this number may have come since: an order that was cut off before it was noted as done does not take that one.
task<bool> Vault::was_set_aside(std::uint64_t sequence, std::int64_t ordered_ns) {
  for (auto at = aside_.lower_bound({sequence, std::string{}}); at != aside_.end() && at->first.first == sequence; ++at) {
    auto const bytes = co_await read_small(layout_.aside(sequence, at->first.second));
    auto const aside = parse_aside_object(bytes ? ByteView{*bytes} : ByteView{});
    if (aside && aside->time_ns == ordered_ns) co_return true;
  }
  co_return false;
}

// 1. does another one follow it?  2. all there is of it, to its new place  3. out of the old ones
// Interrupted after 2 it is finished by the same order once more, or at the next opening; the commit lock keeps commits out meanwhile.
task<void> Vault::set_snapshot_aside(std::uint64_t sequence, std::string reason, std::int64_t ordered_ns) {
  refuse_if_closing();
  std::string const doing = "setting snapshot " + std::to_string(sequence) + " aside";
  auto held = co_await committing_.take();
  auto commit = co_await read_for_order(layout_.snapshot(sequence), doing);
  auto const row = rows_.find(sequence);
  if (row == rows_.end()) {
    auto const before = aside_.lower_bound({sequence, std::string{}});
    bool const was_ordered = before != aside_.end() && before->first.first == sequence;
    if (!was_ordered) throw failure(Errc::not_found, doing + ": there is none with this number");
    auto const left = parse_commit_object(commit ? ByteView{*commit} : ByteView{});
    bool const is_aside = left && aside_.contains({sequence, VaultLayout::brief_digest(left->digest)});
    if (commit && !is_aside) throw failure(Errc::damaged, doing + ": what is there under this number is damaged");
    co_await remove_snapshot(sequence);
    co_return;
  }
  auto const after = rows_.find(sequence + 1);
  if (after != rows_.end() && after->second.previous == row->second.digest)
    throw failure(Errc::usage, doing + ": the one with number " + std::to_string(sequence + 1) + " follows it, and would have to be set aside first");
  bool const is_done = co_await was_set_aside(sequence, ordered_ns);
  if (is_done) co_return;
  if (!commit) throw failure(Errc::damaged, doing + ": it is gone");
  auto const digest = VaultLayout::brief_digest(row->second.digest);
  auto partner = co_await read_small(layout_.partner(sequence));
  AsideObject aside;
  aside.time_ns = ordered_ns;
  aside.reason = reason;
  aside.commit = std::move(*commit);
  if (partner) aside.partner_receipt = std::move(*partner);
  Buffer bytes = encode(aside);
  small_bytes_ += in_blocks(bytes.size());
  co_await store_.put(layout_.aside(sequence, digest), std::move(bytes));
  aside_.emplace(std::pair{sequence, digest}, std::move(reason));
  rows_.erase(sequence);
  co_await remove_snapshot(sequence);
  log_warning("{}: snapshot {} is set aside", layout_.top(), sequence);
}

task<void> Vault::remove_snapshot(std::uint64_t sequence) {
  co_await store_.remove(layout_.partner(sequence));
  co_await store_.remove(layout_.snapshot(sequence));
  co_await count_small_objects();
}

}  // namespace farkeep
