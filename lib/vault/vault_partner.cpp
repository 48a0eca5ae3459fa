#include <algorithm>
#include <numeric>

#include "archive/record.hpp"
#include "crypto/digest.hpp"
#include "vault/vault.hpp"

// Which records the partner has, too (LOCKING.md §4a).
namespace farkeep {
namespace {

constexpr std::size_t kSaveAfter = 1024;  // records: reading them again for a comparison takes seconds

struct Looked {
  std::vector<RecordFacts> facts;
  std::vector<Buffer> wanted;  // of those records that somebody claims, as facts
  std::vector<Place> damaged;
};

// `claimed`: ascending.
Looked look(WindowContent content, std::vector<Digest> claimed) {
  Looked out;
  ByteView rest{content.records};
  for (const Place& p : content.good) {
    ByteView const record = rest.first(p.length);
    rest = rest.subspan(p.length);
    auto const prefix = parse_record_prefix(record);
    if (!prefix) {
      out.damaged.push_back(p);
      continue;
    }
    RecordFacts facts;
    facts.copy = p.copy();
    facts.length = p.length;
    facts.digest = sha256(record);
    facts.session = prefix->session;
    out.facts.push_back(facts);
    bool const wanted = std::binary_search(claimed.begin(), claimed.end(), facts.digest);
    out.wanted.push_back(wanted ? to_buffer(record.first(prefix->header_size)) : Buffer{});
  }
  out.damaged.insert(out.damaged.end(), content.damaged.begin(), content.damaged.end());
  return out;
}

// The one that serves, and of the partner's those that were asked for: the index always holds the oldest and the newest.
std::vector<Place> candidates(const std::vector<Place>& copies, const ServingCopies& known, Vault::OfPartner which) {
  std::vector<Place> out;
  bool served = false;
  std::vector<Place> partners;
  for (const Place& p : copies) {
    if (known.is_damaged(p)) continue;
    if (!std::exchange(served, true)) out.push_back(p);
    if (p.from_partner) partners.push_back(p);
  }
  if (which == Vault::OfPartner::any) {
    out.insert(out.end(), partners.begin(), partners.end());
  } else if (!partners.empty()) {
    auto const [oldest, newest] = std::ranges::minmax(partners, {}, &Place::copy);
    out.push_back(oldest);
    out.push_back(newest);
  }
  return out;
}

// A record that the partner sent has its place among the copies of each of its ids; any other one must be what serves for all of them: else it
// could be there for one id, and be driven out by a thief for the next.
task<bool> has_its_place(ServingCopies& copies, Place place, Buffer header) {
  if (place.from_partner) co_return true;
  auto const record = parse_record_header(header);
  if (!record) co_return false;
  std::vector<ObjectId> ids = record->ids;
  auto const found = co_await copies.find(std::move(ids));
  co_return std::all_of(found.begin(), found.end(), [&](auto const& p) { return p && p->copy() == place.copy(); });
}

}  // namespace

// A node by its place.  Any other record by the piece of its segment in which it begins, of 64 bytes, for none is shorter: sixty-four pieces are one group, so
// that many tiny records cost what their bytes cost.  The last group of ordinals is theirs: no record has so many nodes.
NodeKey Vault::partner_key(const Place& place) {
  constexpr std::uint32_t kPiece = 64, kPieces = 64;
  constexpr std::uint16_t kOfData = 0xffc0;
  static_assert(kOfData % kPieces == 0 && kOfData >= limits::kMaxChunksPerRecord);
  NodeKey key{place};
  if (place.type == ObjectType::node) return key;
  key.offset = place.offset - place.offset % (kPiece * kPieces);
  key.ordinal = static_cast<std::uint16_t>(kOfData + place.offset / kPiece % kPieces);
  return key;
}

task<std::vector<RecordFacts>> Vault::facts_of(std::vector<Place> copies) {
  std::vector<RecordFacts> out;
  std::vector<ReadWindow> windows = plan_reads(copies);
  for (ReadWindow& window : windows) {
    WindowContent content = co_await segments_.read(std::move(window));
    Looked looked = co_await workers_.offload(&look, std::move(content), std::vector<Digest>{});
    for (const Place& p : looked.damaged) note_damaged(p);
    out.insert(out.end(), looked.facts.begin(), looked.facts.end());
  }
  co_return out;
}

task<std::vector<std::vector<Place>>> Vault::further(std::vector<ObjectId> ids) {
  auto all = co_await index_.copies(std::move(ids));
  for (auto& copies : all) {
    std::erase_if(copies, [this](const Place& p) { return copies_.is_damaged(p); });
    if (!copies.empty()) copies.erase(copies.begin());
    sort_by_copy(copies);
  }
  co_return all;
}

task<void> Vault::get_copies(std::vector<Place> copies, std::function<task<void>(Buffer records)> sink) {
  std::vector<ReadWindow> windows = plan_reads(copies);
  for (ReadWindow& window : windows) {
    WindowContent content = co_await segments_.read(std::move(window));
    for (const Place& p : content.damaged) note_damaged(p);
    if (!content.records.empty()) co_await sink(std::move(content.records));
  }
}

// 1. what is on its way to the disk gets there, for it cannot be read before  2. the copies that may be meant, by their lengths  3. read, once each
task<std::vector<bool>> Vault::same(std::vector<RecordClaim> claims, OfPartner which) {
  auto const bytes = std::accumulate(claims.begin(), claims.end(), std::uint64_t{0}, [](std::uint64_t n, const RecordClaim& c) { return n + c.length; });
  if (claims.size() > limits::kRecordsCompared || bytes > limits::kBytesCompared) throw failure(Errc::too_large, "comparing records with the partner's");
  std::vector<ObjectId> ids;
  for (const RecordClaim& c : claims) ids.push_back(c.id);
  if (std::any_of(ids.begin(), ids.end(), [this](const ObjectId& id) { return writer_.pending(id) != nullptr; })) co_await writer_.flush();
  auto const copies = co_await index_.copies(std::move(ids));
  std::vector<std::vector<Place>> meant(claims.size());
  std::vector<Place> places;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    meant[i] = candidates(copies[i], copies_, which);
    std::erase_if(meant[i], [&](const Place& p) { return p.length != claims[i].length; });
    places.insert(places.end(), meant[i].begin(), meant[i].end());
  }
  sort_by_copy(places);
  std::vector<Digest> claimed;
  for (const RecordClaim& c : claims) claimed.push_back(c.digest);
  std::sort(claimed.begin(), claimed.end());
  std::vector<RecordFacts> facts;  // of those that are claimed and have their place
  auto const held = co_await other_copies_.take();
  std::vector<ReadWindow> windows = plan_reads(places);
  for (ReadWindow& window : windows) {
    WindowContent content = co_await segments_.read(std::move(window));
    Looked looked = co_await workers_.offload(&look, std::move(content), std::vector<Digest>{claimed});
    for (const Place& p : looked.damaged) note_damaged(p);
    for (std::size_t i = 0; i < looked.facts.size(); ++i) {
      if (looked.wanted[i].empty()) continue;
      auto const place = std::lower_bound(places.begin(), places.end(), looked.facts[i].copy, [](const Place& p, std::uint64_t copy) { return p.copy() < copy; });
      bool const placed = co_await has_its_place(copies_, *place, std::move(looked.wanted[i]));
      if (placed) facts.push_back(looked.facts[i]);
    }
  }
  std::vector<bool> found(claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto is_it = [&](const Place& p) {
      auto const at = std::lower_bound(facts.begin(), facts.end(), p.copy(), [](const RecordFacts& f, std::uint64_t copy) { return f.copy < copy; });
      return at != facts.end() && at->copy == p.copy() && at->digest == claims[i].digest;
    };
    found[i] = std::any_of(meant[i].begin(), meant[i].end(), is_it);
  }
  co_return found;
}

task<void> Vault::note_at_partner(NodeSet known) {
  at_partner_.add(std::move(known));
  if (at_partner_.size() - at_partner_saved_ >= kSaveAfter) co_await save_nodes(at_partner_, at_partner_saved_, "mirrored");
}

}  // namespace farkeep
