#include "vault/vault.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <unordered_set>

#include "base/codec.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "crypto/keyring.hpp"
#include "vault/vault_limits.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kSessionsKnown = 4096;   // envelopes remembered; each costs a lookup again after that
using Found = std::vector<std::optional<Place>>;

constexpr std::size_t kIdsPerPiece = 1024;     // of a question; a piece is half a millisecond of a thread

// The places of ids that ascend.
std::vector<std::uint32_t> ascending(const std::vector<ObjectId>* ids) {
  std::vector<std::uint32_t> order(ids->size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [ids](auto a, auto b) { return (*ids)[a] < (*ids)[b]; });
  return order;
}

/// Of the records of a body from the partner: those whose ids are all here, but not as just these records.
class PartnersRecords {
 public:
  PartnersRecords(Vault& vault, Workers& workers) : vault_(vault), workers_(workers) {}

  /// Looks at those that were not looked at; true when it did, for what is here may have changed meanwhile.  `here`: of all ids, whether
  /// they are; `compared`: it is known already that these are not here.
  task<bool> judge(const FramedRecords& framed, std::vector<bool> here, bool compared) {
    std::vector<const RecordView*> judged;
    std::size_t at = 0;
    for (const FramedRecords::Item& item : framed.items) {
      auto const end = at + item.record.ids().size();
      bool const all_here = std::find(here.begin() + static_cast<std::ptrdiff_t>(at), here.begin() + static_cast<std::ptrdiff_t>(end), false) ==
                            here.begin() + static_cast<std::ptrdiff_t>(end);
      at = end;
      if (all_here && judged.size() < limits::kRecordsCompared && judged_.insert(item.record.bytes().data()).second) judged.push_back(&item.record);
    }
    if (judged.empty()) co_return false;
    std::vector<bool> same(judged.size());
    if (!compared) same = co_await are_here(judged);
    for (std::size_t i = 0; i < judged.size(); ++i)
      if (!same[i]) kept_.insert(judged[i]->bytes().data());
    co_return true;
  }
  bool keeps(const RecordView& record) const { return kept_.contains(record.bytes().data()); }

 private:
  task<std::vector<bool>> are_here(std::vector<const RecordView*> records) {
    auto claims = co_await workers_.offload(&claims_of, static_cast<const std::vector<const RecordView*>*>(&records));
    co_return co_await vault_.same(std::move(claims), Vault::OfPartner::any);
  }
  static std::vector<RecordClaim> claims_of(const std::vector<const RecordView*>* records) {
    std::vector<RecordClaim> claims;
    for (const RecordView* record : *records) {
      RecordClaim claim;
      claim.id = record->id(0);
      claim.digest = sha256(record->bytes());
      claim.length = static_cast<std::uint32_t>(record->size());
      claims.push_back(claim);
    }
    return claims;
  }

  Vault& vault_;
  Workers& workers_;
  std::set<const std::uint8_t*> judged_, kept_;  // records, by where they are
};

}  // namespace

VaultHead Vault::head() const {
  VaultHead head;
  if (rows_.empty()) return head;
  head.sequence = rows_.rbegin()->first;
  head.digest = rows_.rbegin()->second.digest;
  return head;
}

void Vault::refuse_if_closing() const {
  if (closing_) throw failure(Errc::busy, "using a vault that is being closed");
}

// ---- what is here

// What is answered without waiting: what came in a moment ago.
bool Vault::received(const ObjectId& id) const {
  if (writer_.pending(id)) return true;
  auto place = index_.recent(id);
  return place && !copies_.is_damaged(*place);
}

// In pieces, ascending as the tables are: the loop and the threads serve others between any two of them.
task<std::vector<bool>> Vault::have(std::vector<ObjectId> ids) {
  if (ids.size() > limits::kIdsPerQuestion) throw failure(Errc::too_large, "answering which objects are here");
  std::vector<bool> here(ids.size());
  std::vector<std::uint32_t> order;
  if (ids.size() <= kIdsPerPiece) order = ascending(&ids);
  else order = co_await workers_.offload(&ascending, static_cast<const std::vector<ObjectId>*>(&ids));
  for (std::size_t done = 0; done < order.size(); done += kIdsPerPiece) {
    auto const piece = std::span{order}.subspan(done, std::min(kIdsPerPiece, order.size() - done));
    std::vector<ObjectId> asked;
    asked.reserve(piece.size());
    for (auto const i : piece) asked.push_back(ids[i]);
    auto const found = co_await copies_.find(std::move(asked));
    for (std::size_t n = 0; n < piece.size(); ++n) {
      auto const i = piece[n];
      here[i] = (found[n] || received(ids[i])) && !reported_.wanted(ids[i]);
    }
  }
  co_return here;
}

// ---- taking records

// A put in haste may be received before those that came ahead of it, whose sender waits for all of them.
task<void> Vault::put(Buffer records, Room room, Haste haste, Origin origin, std::function<void()> on_received) {
  const std::uint64_t number = ++puts_;
  if (haste == Haste::soon) hurried_ = number;
  receiving_.insert(number);
  Received tickets;
  {
    struct Arrival {
      std::set<std::uint64_t>& all;
      std::uint64_t number;
      ~Arrival() { all.erase(number); }
    } const arrival{receiving_, number};
    tickets = co_await receive(std::move(records), std::move(room), origin);
  }
  if (on_received) on_received();
  if (hurried_ > 0 && (receiving_.empty() || *receiving_.begin() > hurried_)) {
    hurried_ = 0;
    writer_.hurry();
  }
  co_await durable(std::move(tickets));
}

task<void> Vault::durable(Received received) {
  for (SegmentWriter::Ticket& ticket : received) co_await writer_.durable(std::move(ticket));
}

// 1. check and frame them  2. what of it is here?  3. is every envelope?  4. is there room?  5. hand over what is new
// From 3 on nothing waits, so that what was found out is still true.
task<Vault::Received> Vault::receive(Buffer records, Room room, Origin origin) {
  refuse_if_closing();
  auto framed = co_await workers_.offload(&frame_records, std::move(records));
  if (!framed) throw failure(framed.error(), "receiving records");

  std::vector<ObjectId> ids;
  std::set<SessionId> sessions;
  for (const auto& item : framed->items) {
    ids.insert(ids.end(), item.record.ids().begin(), item.record.ids().end());
    if (!sessions_.contains(item.record.session())) sessions.insert(item.record.session());
  }
  std::size_t const objects = ids.size();
  for (const SessionId& s : sessions) ids.push_back(envelope_id(s));
  Found found;
  PartnersRecords partners{*this, workers_};
  for (bool again = true; again;) {
    std::vector<ObjectId> asked = ids;
    found = co_await copies_.find(std::move(asked));
    again = false;
    if (origin == Origin::agent) continue;
    std::vector<bool> here;
    for (std::size_t i = 0; i < objects; ++i) here.push_back(found[i].has_value() || received(ids[i]));
    again = co_await partners.judge(*framed, std::move(here), origin == Origin::partner_further);
  }
  refuse_if_closing();

  // The sessions' answers stand behind the objects'.
  std::size_t answer = objects;
  if (sessions_.size() > kSessionsKnown) sessions_.clear();
  for (auto s = sessions.begin(); s != sessions.end(); ++answer) {
    bool const durable = found[answer].has_value();
    if (durable) sessions_.insert(*s);
    s = durable || received(envelope_id(*s)) ? sessions.erase(s) : std::next(s);
  }
  Received tickets;
  std::uint64_t new_bytes = 0;
  std::size_t at = 0;  // among the answers
  std::unordered_set<ObjectId, IdHash> before;  // in this body
  for (FramedRecords::Item& item : framed->items) {
    const RecordView& record = item.record;
    if (record.type() == ObjectType::envelope) sessions.erase(record.session());
    if (sessions.contains(record.session())) throw failure(Errc::missing_object, "receiving a record before its session's envelope");
    // Of what is known the copy that is here counts, whatever comes under its id.
    item.kept = partners.keeps(record);
    item.from_partner = origin != Origin::agent;
    for (const ObjectId& id : record.ids()) {
      bool const known = found[at++].has_value() || received(id) || before.contains(id);
      item.counts.push_back(!known);
      item.kept = item.kept || !known || reported_.wanted(id);
    }
    if (item.kept) {
      before.insert(record.ids().begin(), record.ids().end());
      new_bytes += record.size() + kFrameHeader;
      continue;
    }
    for (const ObjectId& id : record.ids())
      if (auto ticket = writer_.pending(id); ticket && std::find(tickets.begin(), tickets.end(), ticket) == tickets.end())
        tickets.push_back(std::move(ticket));
  }
  if (new_bytes == 0) co_return tickets;
  std::uint64_t const used = stored_bytes() + writer_.pending_bytes();
  if (settings_.quota_bytes > 0 && used + new_bytes > settings_.quota_bytes) throw failure(Errc::quota, "receiving records");
  if (index_.overfull()) throw failure(Errc::no_space, "receiving records while the index cannot be written");
  if (!reported_.none_wanted())
    for (const FramedRecords::Item& item : framed->items)
      if (item.kept)
        for (const ObjectId& id : item.record.ids()) reported_.spare_received(id);
  for (auto& ticket : writer_.add(std::move(*framed), std::move(room)))
    if (std::find(tickets.begin(), tickets.end(), ticket) == tickets.end()) tickets.push_back(std::move(ticket));
  co_return tickets;
}

}  // namespace farkeep
