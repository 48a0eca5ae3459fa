#include "vault/vault.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "crypto/keyring.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kSessionsKnown = 4096;   // envelopes remembered; each costs a lookup again after that
constexpr std::size_t kMaxSlot = 64 * 1024;    // a slot is below 1 KiB today
constexpr std::size_t kMaxSlots = 1024;

bool all_of_ids(const RecordView& record, const std::function<bool(const ObjectId&)>& here) {
  return std::all_of(record.ids().begin(), record.ids().end(), here);
}

}  // namespace

VaultHead Vault::head() const {
  VaultHead head;
  if (rows_.empty()) return head;
  head.sequence = rows_.rbegin()->first;
  head.digest = rows_.rbegin()->second.digest;
  return head;
}

Digest Vault::set_digest() const {
  Sha256 hash;
  for (const auto& [sequence, row] : rows_) {
    Buffer number;
    Writer{number}.number(sequence);
    hash.update(number);
    hash.update(row.digest.view());
  }
  return hash.finish();
}

void Vault::refuse_if_closing() const {
  if (closing_) throw failure(Errc::busy, "using a vault that is being closed");
}

// ---- what is here

// Durable copies that are not known to be rotten.
task<std::vector<std::optional<Place>>> Vault::present(std::vector<ObjectId> ids) {
  auto found = co_await index_.find(std::move(ids));
  if (!damaged_.empty())
    for (auto& place : found)
      if (place && damaged_.contains(place->copy())) place.reset();
  co_return found;
}

// What is answered without waiting: what came in a moment ago.
bool Vault::received(const ObjectId& id) const {
  if (writer_.pending(id)) return true;
  auto place = index_.recent(id);
  return place && !damaged_.contains(place->copy());
}

task<Buffer> Vault::have(std::vector<ObjectId> ids) {
  if (ids.size() > limits::kIdsPerQuestion) throw failure(Errc::too_large, "answering which objects are here");
  std::vector<ObjectId> asked = ids;
  auto found = co_await present(std::move(asked));
  Buffer bitmap((ids.size() + 7) / 8);
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (found[i] || received(ids[i])) bitmap[i / 8] = static_cast<std::uint8_t>(bitmap[i / 8] | 1u << (i % 8));
  co_return bitmap;
}

// ---- taking records

// A put in haste may be received before those that came ahead of it, whose sender waits for all of them.
task<void> Vault::put(Buffer records, Room room, Haste haste) {
  const std::uint64_t number = ++puts_;
  if (haste == Haste::soon) hurried_ = number;
  receiving_.insert(number);
  Received received;
  {
    struct Arrival {
      std::set<std::uint64_t>& all;
      std::uint64_t number;
      ~Arrival() { all.erase(number); }
    } const arrival{receiving_, number};
    received = co_await receive(std::move(records), std::move(room));
  }
  if (hurried_ > 0 && (receiving_.empty() || *receiving_.begin() > hurried_)) {
    hurried_ = 0;
    writer_.hurry();
  }
  co_await durable(std::move(received));
}

task<void> Vault::durable(Received received) {
  for (SegmentWriter::Ticket& ticket : received) co_await writer_.durable(std::move(ticket));
}

// 1. check and frame them  2. what of it is here?  3. is every envelope?  4. is there room?  5. hand over what is new
// From 3 on nothing waits, so that what was found out is still true.
task<Vault::Received> Vault::receive(Buffer records, Room room) {
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
  auto found = co_await present(std::move(ids));
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
  std::vector<bool> kept(framed->items.size());
  std::uint64_t new_bytes = 0;
  std::size_t first = 0;  // of the record's answers
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const RecordView& record = framed->items[i].record;
    if (record.type() == ObjectType::envelope) sessions.erase(record.session());
    if (sessions.contains(record.session())) throw failure(Errc::missing_object, "receiving a record before its session's envelope");
    std::size_t at = first;
    kept[i] = !all_of_ids(record, [&](const ObjectId& id) { return found[at++].has_value() || received(id); });
    first += record.ids().size();
    if (kept[i]) {
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
  auto ticket = writer_.add(std::move(*framed), kept, std::move(room));
  if (std::find(tickets.begin(), tickets.end(), ticket) == tickets.end()) tickets.push_back(std::move(ticket));
  co_return tickets;
}

// ---- key slots

task<void> Vault::add_slot(Buffer slot) {
  refuse_if_closing();
  if (slot.size() > kMaxSlot) throw failure(Errc::too_large, "adding a key slot");
  auto held = co_await slotting_.take();
  auto known = co_await slots();
  if (std::find(known.begin(), known.end(), slot) != known.end()) co_return;
  if (known.size() >= kMaxSlots) throw failure(Errc::quota, "adding a key slot");
  // A number may be taken by a slot that can no longer be read.
  for (;;) {
    std::uint64_t const number = next_slot_++;
    bool const made = co_await store_.put_new(layout_.slot(number), encode_slot(slot));
    if (made) co_return;
  }
}

task<std::vector<Buffer>> Vault::slots() {
  std::vector<Buffer> out;
  auto objects = co_await store_.list(layout_.slots());
  for (const ObjectInfo& object : objects) {
    auto bytes = co_await store_.get(object.name);
    if (!bytes) continue;
    auto slot = parse_slot(*bytes);
    if (slot) {
      out.push_back(std::move(*slot));
    } else {
      log_error("{} is damaged", object.name);
    }
  }
  co_return out;
}

}  // namespace farkeep
