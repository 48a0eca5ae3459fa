#include <unordered_set>

#include "base/log.hpp"
#include "vault/vault.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kBatch = std::size_t{1} << 20;  // PROTOCOL §3.5
constexpr std::size_t kUnreadable = 4;  // small objects; more of them, and the disk itself is failing

}  // namespace

task<std::vector<SnapshotRow>> Vault::snapshots(std::uint64_t after, std::size_t most) {
  std::vector<SnapshotRow> out;
  while (out.size() < most) {
    auto const next = rows_.upper_bound(after);
    if (next == rows_.end()) break;
    std::uint64_t const sequence = after = next->first;
    auto commit = co_await read_commit(sequence);
    if (!commit) continue;
    SnapshotRow row;
    row.sequence = sequence;
    row.digest = commit->digest;
    row.manifest = std::move(commit->manifest);
    row.receipt = std::move(commit->receipt);
    if (is_protected(sequence)) {
      auto const bytes = co_await read_small(layout_.partner(sequence));
      auto partner = parse_partner_object(bytes ? ByteView{*bytes} : ByteView{});
      if (partner) {
        row.partner_receipt = std::move(partner->receipt);
      } else {
        log_error("{} is damaged: the partner is asked for it again", layout_.partner(sequence));
        if (auto known = rows_.find(sequence); known != rows_.end()) known->second.partner.reset();
      }
    }
    out.push_back(std::move(row));
  }
  co_return out;
}

task<std::optional<Buffer>> Vault::read_small(const std::string& name) {
  try {
    auto bytes = co_await store_.get(name);
    unreadable_.erase(name);
    co_return bytes;
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::io) throw;
    if (unreadable_.contains(name)) co_return std::nullopt;
    if (unreadable_.size() == kUnreadable) throw;
    unreadable_.insert(name);
    log_error("{} cannot be read and is passed over: {}", name, f.what());
  }
  co_return std::nullopt;
}

task<std::optional<CommitObject>> Vault::read_commit(std::uint64_t sequence) {
  auto bytes = co_await read_small(layout_.snapshot(sequence));
  if (bytes)
    if (auto commit = parse_commit_object(*bytes)) co_return std::move(*commit);
  log_error("{} is damaged or gone", layout_.snapshot(sequence));
  co_return std::nullopt;
}

// 1. where they are  2. each record copy once, in the order in which they lie  3. read windows, hand on batches  4. again for
// what was damaged: the next copy, until there is none
task<std::vector<ObjectId>> Vault::get(std::vector<ObjectId> ids, std::function<task<void>(Buffer records)> sink) {
  if (ids.size() > limits::kIdsPerQuestion) throw failure(Errc::too_large, "fetching objects");
  struct Wanted {
    Place place;
    ObjectId id;
  };
  std::vector<ObjectId> missing;
  std::unordered_set<std::uint64_t> given;  // Place::copy(); kept where there is a second round only
  Buffer batch;
  while (!ids.empty()) {
    std::vector<ObjectId> asked = ids;
    auto found = co_await copies_.find(std::move(asked));
    std::vector<Wanted> wanted;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!found[i]) missing.push_back(ids[i]);
      else if (!given.contains(found[i]->copy())) wanted.push_back(Wanted{*found[i], ids[i]});
    }
    // An answer may take hours: what it needs no longer is given back.
    std::vector<ObjectId>{}.swap(ids);
    decltype(found){}.swap(found);
    std::vector<Place> places;
    for (const Wanted& w : wanted) places.push_back(w.place);
    sort_by_copy(places);
    std::vector<ReadWindow> windows = plan_reads(places);
    for (ReadWindow& window : windows) {
      WindowContent content = co_await segments_.read(std::move(window));
      for (const Place& p : content.damaged) note_damaged(p);
      if (!batch.empty() && batch.size() + content.records.size() > kBatch) co_await sink(std::exchange(batch, {}));
      if (batch.empty()) {
        batch = std::move(content.records);
      } else {
        append(batch, content.records);
      }
    }
    for (const Wanted& w : wanted)
      if (copies_.is_damaged(w.place)) ids.push_back(w.id);
    if (ids.empty()) break;
    for (const Place& p : places)
      if (!copies_.is_damaged(p)) given.insert(p.copy());
  }
  if (!batch.empty()) co_await sink(std::move(batch));
  co_return missing;
}

void Vault::note_damaged(const Place& place) {
  log_error("{}: the record at {} is damaged", layout_.segment(place.segment), place.offset);
  copies_.note_damaged(place);
}

}  // namespace farkeep
