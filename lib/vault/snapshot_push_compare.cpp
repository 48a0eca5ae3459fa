// What the partner has already, but perhaps as something else, and the copies behind those that serve here.
#include <algorithm>
#include <iterator>

#include "archive/record.hpp"
#include "base/log.hpp"
#include "vault/snapshot_push.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

constexpr auto kCompareTimeout = std::chrono::minutes{5};  // it reads limits::kBytesCompared, thrice at most, behind whatever else its disk has to do

}  // namespace

// ---- what the partner has, but perhaps as something else

// By earlier pushes, which held against the partner's all that hangs below it.
bool SnapshotPush::is_known(const Place& place) const {
  return (known_.trusted && vault_.is_at_partner(place)) || known_.found.contains(Vault::partner_key(place));
}

// False: it was noted before.  What is forgotten, because there is too much of it, is looked at or sent again.
bool SnapshotPush::note(NodeSet& seen, const Place& place) const {
  if (seen.group_count() >= most_.node_groups) seen = NodeSet{};
  return seen.insert(Vault::partner_key(place));
}

void SnapshotPush::look_at(Ours ours, std::vector<Ours>& to_compare) {
  if (is_known(ours.place) || !note(looked_at_, ours.place)) return;
  if (ours.place.type == ObjectType::node) {
    read_later(ours.id, ours.place, false);
    if (compared_nodes_.size() >= most_.node_groups) compared_nodes_.clear();
    if (!compared_nodes_.insert(ours.place.copy()).second) return;
  }
  to_compare.push_back(std::move(ours));
}

// One id stands for its record.  In questions whose records both servers read within seconds.
task<void> SnapshotPush::compare(std::vector<Ours> ours) {
  std::ranges::sort(ours, {}, [](const Ours& one) { return one.place.copy(); });
  std::vector<Ours> some;
  std::size_t bytes = 0;
  for (auto& one : ours) {
    if (!some.empty() && (some.size() == limits::kRecordsCompared || bytes + one.place.length > limits::kBytesCompared)) {
      co_await compare_some(std::exchange(some, {}));
      bytes = 0;
    }
    bytes += one.place.length;
    some.push_back(std::move(one));
  }
  if (!some.empty()) co_await compare_some(std::move(some));
}

// 1. read ours  2. the envelopes of their sessions, which may be junk as well  3. ask  4. what differs, or cannot be read any more, is sent
task<void> SnapshotPush::compare_some(std::vector<Ours> ours) {
  std::vector<Place> places;
  for (auto const& one : ours) places.push_back(one.place);
  auto const facts = co_await vault_.facts_of(std::move(places));
  wire::pb::Have question;
  std::vector<SessionId> sessions;
  std::vector<ObjectId> asked, different;
  for (std::size_t i = 0, at = 0; i < ours.size(); ++i) {
    if (at == facts.size() || facts[at].copy != ours[i].place.copy()) {
      different.push_back(ours[i].id);  // damaged here: another copy of ours, if there is one
      continue;
    }
    asked.push_back(ours[i].id);
    question.mutable_digests()->append(as_text(facts[at].digest.view()));
    question.add_lengths(facts[at].length);
    sessions.push_back(facts[at].session);
    ++at;
  }
  co_await send_envelopes(std::move(sessions));
  if (!asked.empty()) {
    question.set_ids(wire::to_field(asked));
    auto const answer = co_await peer_.call<wire::pb::HaveReply>(wire::Verb::have, question, kCompareTimeout);
    auto const same = value_or_throw(wire::parse_bitmap(answer.same(), asked.size()), "reading which records the partner has");
    for (std::size_t i = 0, at = 0; i < asked.size(); ++i, ++at) {
      while (!(ours[at].id == asked[i])) ++at;  // both in the same order
      if (!same[i]) different.push_back(asked[i]);
      else if (ours[at].place.type != ObjectType::node) known_.found.insert(Vault::partner_key(ours[at].place));
    }
  }
  if (different.empty()) co_return;
  log_warning("mirroring the vault of agent {}: the partner has other records under the ids of {} of ours, {} for one; ours go beside them", vault_.agent().brief(),
              different.size(), different.front().brief());
  std::vector<ObjectId> with_all = different;
  std::function<task<void>(Buffer)> beside = [this](Buffer records) { return forward(std::move(records), Kept::as_further_copy); };
  co_await fetch(std::move(different), std::move(beside));
  co_await find_further(std::move(with_all), false);
}

// ---- the copies behind those that serve here

// Not `lacked`: the partner has something under these ids, and what came from it as well.
task<void> SnapshotPush::find_further(std::vector<ObjectId> ids, bool lacked) {
  if (ids.empty()) co_return;
  std::vector<ObjectId> asked = ids;
  auto const copies = co_await vault_.further(std::move(asked));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (const Place& place : copies[i]) {
      if (place.from_partner && known_.trusted && !lacked) continue;
      if (known_.further.contains(Vault::partner_key(place)) || !note(further_, place)) continue;
      if (place.type != ObjectType::node) {
        further_data_.push_back(place);
        continue;
      }
      refuse_more_nodes();
      further_to_read_.push_back(Ours{ids[i], place});
    }
  }
}

task<void> SnapshotPush::read_further() {  // as read_nodes(): what they refer to is next
  std::set<ObjectId> wanted;
  std::vector<Place> copies;
  for (std::size_t bytes = 0; !further_to_read_.empty() && bytes < most_.node_bytes; further_to_read_.pop_back()) {
    auto const& next = further_to_read_.back();
    bytes += next.place.length;
    wanted.insert(next.id);
    copies.push_back(next.place);
  }
  sort_by_copy(copies);
  further_nodes_.insert(further_nodes_.end(), copies.begin(), copies.end());
  std::function<task<void>(Buffer)> below = [&](Buffer records) -> task<void> {
    auto const views = value_or_throw(split_records(records), "reading stored records");
    for (auto const& view : views) {
      view.for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
        if (wanted.contains(id)) stack_.insert(stack_.end(), refs.begin(), refs.end());
      });
    }
    co_return;
  };
  co_await vault_.get_copies(std::move(copies), std::move(below));
}

// The partner's own last, in the order in which they came: the newest of what a server sends has its place there.
task<void> SnapshotPush::send_further(std::vector<Place> copies) {
  has_sent_spares_ = has_sent_spares_ || !copies.empty();
  sort_by_copy(copies);
  std::vector<Place> partners;
  std::copy_if(copies.begin(), copies.end(), std::back_inserter(partners), [](const Place& p) { return p.from_partner; });
  std::erase_if(copies, [](const Place& p) { return p.from_partner; });
  std::function<task<void>(Buffer)> whole = [this](Buffer records) { return forward(std::move(records), Kept::if_new); };
  co_await vault_.get_copies(std::move(copies), whole);
  co_await vault_.get_copies(std::move(partners), whole);
}

}  // namespace farkeep
