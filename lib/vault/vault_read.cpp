#include <algorithm>

#include "base/log.hpp"
#include "vault/vault.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kBatch = std::size_t{1} << 20;  // PROTOCOL §3.5
}

task<std::vector<SnapshotRow>> Vault::snapshots(std::uint64_t after, std::size_t most) {
  std::vector<std::uint64_t> wanted;
  for (auto row = rows_.upper_bound(after); row != rows_.end() && wanted.size() < most; ++row) wanted.push_back(row->first);
  std::vector<SnapshotRow> out;
  out.reserve(wanted.size());
  for (std::uint64_t sequence : wanted) {
    auto commit = co_await read_commit(sequence);
    if (!commit) continue;
    SnapshotRow row;
    row.sequence = sequence;
    row.digest = commit->digest;
    row.manifest = std::move(commit->manifest);
    row.receipt = std::move(commit->receipt);
    if (is_protected(sequence)) {
      auto bytes = co_await store_.get(layout_.partner(sequence));
      auto receipt = parse_partner_receipt(bytes ? ByteView{*bytes} : ByteView{});
      if (receipt) {
        row.partner_receipt = std::move(*receipt);
      } else {
        log_error("{} is damaged", layout_.partner(sequence));
      }
    }
    out.push_back(std::move(row));
  }
  co_return out;
}

task<std::optional<CommitObject>> Vault::read_commit(std::uint64_t sequence) {
  auto bytes = co_await store_.get(layout_.snapshot(sequence));
  if (bytes)
    if (auto commit = parse_commit_object(*bytes)) co_return std::move(*commit);
  log_error("{} is damaged or gone", layout_.snapshot(sequence));
  co_return std::nullopt;
}

bool Vault::is_protected(std::uint64_t sequence) const {
  auto row = rows_.find(sequence);
  return row != rows_.end() && row->second.is_protected;
}

std::optional<std::uint64_t> Vault::first_unprotected() const {
  for (const auto& [sequence, row] : rows_)
    if (!row.is_protected) return sequence;
  return std::nullopt;
}

task<void> Vault::set_partner_receipt(std::uint64_t sequence, Buffer receipt) {
  refuse_if_closing();
  if (!rows_.contains(sequence)) throw failure(Errc::not_found, "keeping the partner's receipt of a snapshot that is not here");
  if (is_protected(sequence)) co_return;
  co_await store_.put(layout_.partner(sequence), encode_partner_receipt(receipt));
  rows_.at(sequence).is_protected = true;
}

// 1. where they are  2. each record copy once, in the order in which they lie  3. read windows, hand on batches
task<std::vector<ObjectId>> Vault::get(std::vector<ObjectId> ids, std::function<task<void>(Buffer records)> sink) {
  if (ids.size() > limits::kIdsPerQuestion) throw failure(Errc::too_large, "fetching objects");
  struct Wanted {
    Place place;
    std::size_t id;
  };
  std::vector<ObjectId> asked = ids;
  auto found = co_await present(std::move(asked));
  std::vector<ObjectId> missing;
  std::vector<Wanted> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (found[i]) {
      wanted.push_back(Wanted{*found[i], i});
    } else {
      missing.push_back(ids[i]);
    }
  }
  std::sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) { return a.place.copy() < b.place.copy(); });
  std::vector<Place> copies;
  for (const Wanted& w : wanted)
    if (copies.empty() || copies.back().copy() != w.place.copy()) copies.push_back(w.place);

  Buffer batch;
  std::vector<ReadWindow> windows = plan_reads(copies);
  for (ReadWindow& window : windows) {
    WindowContent content = co_await segments_.read(std::move(window));
    for (const Place& p : content.damaged) {
      log_error("{}: the record at {} is damaged", layout_.segment(p.segment), p.offset);
      damaged_.insert(p.copy());
      for (const Wanted& w : wanted)
        if (w.place.copy() == p.copy()) missing.push_back(ids[w.id]);
    }
    if (!batch.empty() && batch.size() + content.records.size() > kBatch) co_await sink(std::exchange(batch, {}));
    if (batch.empty()) {
      batch = std::move(content.records);
    } else {
      append(batch, content.records);
    }
  }
  if (!batch.empty()) co_await sink(std::move(batch));
  co_return missing;
}

}  // namespace farkeep
