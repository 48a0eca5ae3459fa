#include <algorithm>
#include <unordered_map>

#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "vault/vault.hpp"

namespace farkeep {
namespace {

struct Judged {
  WindowContent content;
  std::vector<bool> refused;  // as content.good
};

Judged judge(WindowContent content, const std::vector<Digest>* not_these) {
  Judged out;
  std::size_t at = 0;
  for (const Place& p : content.good) {
    Digest const digest = sha256(ByteView{content.records}.subspan(at, p.length));
    at += p.length;
    out.refused.push_back(std::binary_search(not_these->begin(), not_these->end(), digest));
  }
  out.content = std::move(content);
  return out;
}

// One at a time in a vault: what is read may not be given, so nobody should have many of these running.  The turn is not held while somebody
// takes records slowly.
task<Judged> read_and_judge(Turn& turn, Segments& segments, Workers& workers, ReadWindow window, const std::vector<Digest>* not_these) {
  auto const held = co_await turn.take();
  WindowContent content = co_await segments.read(std::move(window));
  co_return co_await workers.offload(&judge, std::move(content), not_these);
}

}  // namespace

// 1. all copies of all ids  2. of each id the first that was not looked at yet: read, and given when it is not refused  3. until every
// id has one, or none is left
// Nobody can name a copy that he has not seen, so what is read and not given is bounded by the number of names.
task<Vault::OtherCopies> Vault::get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, std::function<task<void>(Buffer records)> sink) {
  if (ids.size() > limits::kIdsOfOtherCopies || not_these.size() > limits::kNotThese) throw failure(Errc::too_large, "fetching other copies of objects");
  std::sort(not_these.begin(), not_these.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<ObjectId> asked = ids;
  auto const copies = co_await index_.copies(std::move(asked));
  std::unordered_map<std::uint64_t, bool> refused;  // of the record copies that were read, by Place::copy()
  std::vector<std::size_t> next(ids.size());
  OtherCopies out;
  std::vector<ReportedObject> reports;
  for (;;) {
    std::vector<Place> places;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto useless = [&](const Place& p) {
        auto const known = refused.find(p.copy());
        return copies_.is_damaged(p) || (known != refused.end() && known->second);
      };
      while (next[i] < copies[i].size() && useless(copies[i][next[i]])) ++next[i];
      if (next[i] < copies[i].size() && !refused.contains(copies[i][next[i]].copy())) places.push_back(copies[i][next[i]]);
    }
    if (places.empty()) break;
    sort_by_copy(places);
    std::vector<ReadWindow> windows = plan_reads(places);
    for (ReadWindow& window : windows) {
      Judged judged = co_await read_and_judge(other_copies_, segments_, workers_, std::move(window), &not_these);
      for (const Place& p : judged.content.damaged) note_damaged(p);
      Buffer good;
      std::size_t at = 0;
      for (std::size_t i = 0; i < judged.refused.size(); ++i) {
        const Place& p = judged.content.good[i];
        refused[p.copy()] = judged.refused[i];
        if (!judged.refused[i]) append(good, ByteView{judged.content.records}.subspan(at, p.length));
        at += p.length;
      }
      if (!good.empty()) co_await sink(std::move(good));
    }
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    bool const has_refused = std::any_of(copies[i].begin(), copies[i].end(), [&](const Place& p) {
      auto const known = refused.find(p.copy());
      return known != refused.end() && known->second;
    });
    if (has_refused) out.reported.push_back(ids[i]);
    if (next[i] < copies[i].size()) continue;
    out.missing.push_back(ids[i]);
    if (has_refused) reports.push_back(ReportedObject{ids[i], static_cast<std::uint16_t>(copies[i].size())});
  }
  if (!reports.empty()) co_await reported_.add(std::move(reports));
  co_return out;
}

}  // namespace farkeep
