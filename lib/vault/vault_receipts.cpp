#include <algorithm>

#include "base/codec.hpp"
#include "base/log.hpp"
#include "vault/receipt_facts.hpp"
#include "vault/vault.hpp"
#include "vault/vault_limits.hpp"
#include "wire/refusal.hpp"

// The partner's receipts, and which snapshots they protect (LOCKING.md §4a).
namespace farkeep {

// One that is damaged, or of another snapshot, counts as none, and is overwritten when the partner gives one again.
task<void> Vault::load_partner_receipts() {
  auto const objects = co_await store_.list(layout_.partners());
  for (const ObjectInfo& object : objects) {
    auto const sequence = VaultLayout::number_of(object.name);
    if (!sequence) continue;
    auto const row = rows_.find(*sequence);
    auto const aside = aside_.lower_bound({*sequence, std::string{}});
    if (row == rows_.end()) {
      if (aside != aside_.end() && aside->first.first == *sequence) co_await remove_if_it_can(object.name);  // it came while its snapshot went
      continue;
    }
    auto const bytes = co_await read_small(object.name);
    auto const kept = parse_partner_object(bytes ? ByteView{*bytes} : ByteView{});
    auto const facts = kept ? receipt_facts(kept->receipt) : result<ReceiptFacts>{kept.error()};
    if (!facts || !(facts->snapshot == row->second.digest)) {
      log_error("{} is damaged, or of another snapshot: the partner is asked for it again", object.name);
      continue;
    }
    note_partner(row->second, *facts, kept->protects);
  }
}

// A snapshot counts as made when the first of the two servers took it.
void Vault::note_partner(Row& row, const ReceiptFacts& facts, bool protects) {
  row.partner = AtPartner{facts.server, facts.mark, protects};
  if (facts.time_ns > 0) row.received_ns = std::min(row.received_ns, facts.time_ns);
}

bool Vault::is_protected(std::uint64_t sequence) const {
  auto const row = rows_.find(sequence);
  return row != rows_.end() && row->second.is_protected();
}

bool Vault::all_protected() const {
  return std::all_of(rows_.begin(), rows_.end(), [](const auto& row) { return row.second.is_protected(); });
}

bool Vault::is_pushed(std::uint64_t sequence, const ServerId& to) const {
  auto const row = rows_.find(sequence);
  return row != rows_.end() && row->second.partner && row->second.partner->server == to;
}

std::vector<std::uint64_t> Vault::numbers() const {
  std::vector<std::uint64_t> out;
  for (const auto& [sequence, row] : rows_) out.push_back(sequence);
  return out;
}

bool Vault::has_partner_receipt(std::uint64_t sequence, const Digest& mark) const {
  auto const row = rows_.find(sequence);
  return row != rows_.end() && row->second.partner && row->second.partner->mark == mark;
}

std::vector<std::uint64_t> Vault::numbers_with_receipt() const {
  std::vector<std::uint64_t> out;
  for (const auto& [sequence, row] : rows_)
    if (row.partner) out.push_back(sequence);
  return out;
}

namespace {

void add(Sha256& hash, std::uint64_t sequence, const Digest& what) {
  Buffer number;
  Writer{number}.number(sequence);
  hash.update(number);
  hash.update(what.view());
}

}  // namespace

Digest Vault::set_digest() const {
  Sha256 hash;
  for (const auto& [sequence, row] : rows_) add(hash, sequence, row.digest);
  return hash.finish();
}

Digest Vault::receipts_digest() const {
  Sha256 hash;
  for (const auto& [sequence, row] : rows_) add(hash, sequence, row.mark);
  return hash.finish();
}

Digest Vault::partner_receipts_digest() const {
  Sha256 hash;
  for (const auto& [sequence, row] : rows_)
    if (row.partner) add(hash, sequence, row.partner->mark);
  return hash.finish();
}

task<void> Vault::note_pushed(std::uint64_t sequence, Buffer receipt, bool pushed_here) {
  refuse_if_closing();
  if (receipt.size() > vault_limits::kMaxReceipt) throw failure(Errc::too_large, "keeping the partner's receipt of a snapshot");
  auto const facts = value_or_throw(receipt_facts(receipt), "keeping the partner's receipt of a snapshot");
  auto const row = rows_.find(sequence);
  if (row == rows_.end()) throw wire::Refusal(Errc::not_found, "keeping the partner's receipt of a snapshot that is not here", std::chrono::seconds{0});
  if (!(facts.snapshot == row->second.digest)) throw failure(Errc::identity, "keeping the partner's receipt of a snapshot: it is of another one");
  if (pushed_here) row->second.came = facts.mark;
  co_await keep_partner_receipt(sequence, std::move(receipt), facts);
}

task<Vault::PushedThere> Vault::note_came(std::uint64_t sequence, Buffer receipt) {
  refuse_if_closing();
  auto const facts = value_or_throw(receipt_facts(receipt), "reading the partner's receipt of a snapshot");
  auto const row = rows_.find(sequence);
  if (row == rows_.end() || !(facts.snapshot == row->second.digest)) co_return PushedThere::no;  // set aside meanwhile
  row->second.came = facts.mark;
  auto& partner = row->second.partner;
  if (!partner || !(partner->server == facts.server)) co_return PushedThere::no;
  if (!(partner->mark == facts.mark)) {
    partner->protects = false;
    co_return PushedThere::to_another_store;
  }
  if (!partner->protects) co_await keep_partner_receipt(sequence, std::move(receipt), facts);
  co_return PushedThere::yes;
}

// The partner's push may end while this is written: then it is written once more.
task<void> Vault::keep_partner_receipt(std::uint64_t sequence, Buffer receipt, ReceiptFacts facts) {
  auto const name = layout_.partner(sequence);
  for (;;) {
    auto row = rows_.find(sequence);
    if (row == rows_.end() || !(row->second.digest == facts.snapshot)) break;
    PartnerObject object;
    object.protects = row->second.came == facts.mark;
    auto const& kept = row->second.partner;
    if (kept && kept->server == facts.server && kept->mark == facts.mark && kept->protects == object.protects) co_return;
    bool const has_one = kept.has_value();
    object.receipt = receipt;
    Buffer bytes = encode(object);
    bool made = false;
    if (!has_one) made = co_await store_.put_new(name, bytes);
    if (!made) co_await store_.replace(name, std::move(bytes));
    if (made) small_bytes_ += vault_limits::kBlock;
    row = rows_.find(sequence);
    if (row == rows_.end()) break;
    if (row->second.digest == facts.snapshot) note_partner(row->second, facts, object.protects);
  }
  if (!rows_.contains(sequence)) co_await store_.remove(name);  // set aside meanwhile: it is nobody's
}

}  // namespace farkeep
