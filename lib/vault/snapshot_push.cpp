#include "vault/snapshot_push.hpp"

#include <algorithm>

#include "archive/manifest.hpp"
#include "archive/record.hpp"
#include "crypto/keyring.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kIdsAtOnce = 2048;       // ids a question: a level of leaves then adds some MiB of references
constexpr std::size_t kNodeBatch = 256;    // nodes fetched at once when they are sent
constexpr std::size_t kMostSent = limits::kMaxOutstanding - 8;  // puts under way: a question still finds room
constexpr int kMostRounds = 16;            // each brings at least one level of what an earlier push left behind
constexpr auto kCommitTimeout = std::chrono::minutes{10};  // the partner reads every new node: ten million references take a minute

std::uint32_t count_records(ByteView bytes) {
  std::uint32_t n = 0;
  while (!bytes.empty()) {
    auto const prefix = value_or_throw(parse_record_prefix(bytes), "reading a stored record");
    bytes = bytes.subspan(prefix.size());
    ++n;
  }
  return n;
}

// Nodes lie many in a record, and a record goes once; one that was compared went then, or is there.
task<std::vector<ObjectId>> one_of_each_record(Vault& vault, std::unordered_set<std::uint64_t>& gone, std::vector<ObjectId> ids) {
  std::vector<ObjectId> asked = ids, out;
  auto const places = co_await vault.serving(std::move(asked));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!places[i] || gone.insert(places[i]->copy()).second) out.push_back(ids[i]);
  co_return out;
}

}  // namespace

// 1. what hangs below the root  2. commit with the original bytes  3. what is still missing, until nothing is
task<void> SnapshotPush::push(SnapshotRow row) {
  auto const manifest = value_or_throw(Manifest::parse(row.manifest), "reading a stored manifest");
  auto const first_receipt = wire::parse_message<wire::pb::SignedReceipt>(as_text(row.receipt));
  if (!first_receipt) throw failure(Errc::damaged, "reading a stored receipt");
  wire::pb::Commit question;
  question.set_manifest(to_string(row.manifest));
  *question.mutable_first_receipt() = *first_receipt;

  looked_at_ = NodeSet{};
  compared_nodes_.clear();
  lost_.clear();
  further_ = NodeSet{};
  std::vector<ObjectId> seeds{envelope_id(manifest.statement().session), manifest.statement().root};
  for (int round = 0; round < kMostRounds; ++round) {
    co_await send_below(std::move(seeds));
    auto const answer = co_await commit(question);
    if (answer.has_receipt()) {
      looked_at_groups_ = looked_at_.group_count();
      co_await keep_receipt(row, answer);
      co_await vault_.note_at_partner(std::move(looked_at_));
      co_return;
    }
    seeds = value_or_throw(wire::parse_ids(answer.missing()), "reading what the partner lacks");
    lost_.insert(seeds.begin(), seeds.end());
    if (seeds.empty()) throw failure(Errc::protocol, "mirroring: the partner refused a snapshot and lacks nothing");
  }
  throw failure(Errc::missing_object, "mirroring snapshot " + std::to_string(row.sequence) + ": the partner still lacks objects after many rounds");
}

// 1. the answers to further copies: a full disk may have refused one, and the partner commits without it; then the snapshot would be protected, and only the junk
// be there  2. the commit  3. the answers to all else that was sent: it is durable then, and need not be looked at again on this connection, even where the
// commit was refused
task<wire::pb::Committed> SnapshotPush::commit(const wire::pb::Commit& question) {
  if (has_sent_spares_) co_await settle(0);
  wire::pb::Committed answer;
  std::exception_ptr refused;
  try {
    answer = co_await peer_.call<wire::pb::Committed>(wire::Verb::commit, question, kCommitTimeout);
  } catch (const wire::Refusal&) {
    refused = std::current_exception();
  }
  co_await settle(0);
  known_.found.add(NodeSet{looked_at_});
  known_.further.add(NodeSet{further_});
  if (refused) std::rethrow_exception(refused);
  co_return answer;
}

// A partner that does not compare does not push what it got from here either: its receipt alone has to do.
task<void> SnapshotPush::keep_receipt(const SnapshotRow& row, const wire::pb::Committed& answer) {
  auto const& receipt = answer.receipt();
  auto const theirs = wire::verify_receipt(receipt, roots_);
  bool const right = theirs && theirs->server_id() == as_text(partner_.view()) && theirs->sequence() == row.sequence &&
                     theirs->manifest_digest() == as_text(row.digest.view()) && theirs->account() == as_text(vault_.account().view()) &&
                     theirs->agent() == as_text(vault_.agent().view());
  if (!right) throw failure(Errc::identity, "mirroring snapshot " + std::to_string(row.sequence) + ": the partner's receipt does not hold");
  co_await vault_.note_pushed(row.sequence, to_buffer(as_bytes(wire::known_part(receipt).SerializeAsString())), answer.pushed() || !known_.compares);
}

// ---- what the partner lacks, from some ids down

task<void> SnapshotPush::send_below(std::vector<ObjectId> seeds) {
  stack_ = std::move(seeds);
  nodes_.clear();
  to_read_.clear();
  further_to_read_.clear();
  further_nodes_.clear();
  further_data_.clear();
  seen_nodes_ = NodeSet{};
  while (!stack_.empty() || !to_read_.empty() || !further_to_read_.empty()) {
    if (stack_.empty()) {
      if (!to_read_.empty()) co_await read_nodes();
      else co_await read_further();
      continue;
    }
    most_waiting_ = std::max(most_waiting_, stack_.size());
    auto const n = std::min(stack_.size(), kIdsAtOnce);
    std::vector<ObjectId> batch(stack_.end() - static_cast<std::ptrdiff_t>(n), stack_.end());
    stack_.resize(stack_.size() - n);
    std::sort(batch.begin(), batch.end());
    batch.erase(std::unique(batch.begin(), batch.end()), batch.end());
    auto data = co_await sort_out(std::move(batch));
    if (!data.empty()) {
      asked_ = {data.begin(), data.end()};
      walked_.clear();
      std::function<task<void>(Buffer)> apart = [this](Buffer records) { return take_apart(std::move(records)); };
      co_await fetch(std::move(data), std::move(apart));
    }
    while (!further_data_.empty()) co_await send_further(std::exchange(further_data_, {}));
  }
  while (!nodes_.empty()) {
    auto const n = std::min(nodes_.size(), kNodeBatch);
    std::vector<ObjectId> batch(nodes_.end() - static_cast<std::ptrdiff_t>(n), nodes_.end());
    nodes_.resize(nodes_.size() - n);
    if (compared_nodes_.size() >= most_.node_groups) compared_nodes_.clear();  // then a record may go twice
    if (lost_.empty()) batch = co_await one_of_each_record(vault_, compared_nodes_, std::move(batch));
    if (batch.empty()) continue;
    std::function<task<void>(Buffer)> whole = [this](Buffer records) { return forward(std::move(records), Kept::if_new); };
    co_await fetch(std::move(batch), std::move(whole));
  }
  co_await send_further(std::exchange(further_nodes_, {}));
  while (!further_data_.empty()) co_await send_further(std::exchange(further_data_, {}));  // of envelopes
}

void SnapshotPush::read_later(const ObjectId& id, const Place& place, bool asked) {
  if (!seen_nodes_.insert(NodeKey{place})) return;
  if (seen_nodes_.group_count() > most_.node_groups) throw failure(Errc::too_large, "mirroring a snapshot whose catalog lies in more than " + std::to_string(most_.node_groups) + " small records");
  refuse_more_nodes();
  to_read_.push_back(ToRead{id, place.copy(), place.length, asked});
}

void SnapshotPush::refuse_more_nodes() const {
  if (to_read_.size() + nodes_.size() + further_to_read_.size() + further_nodes_.size() >= most_.nodes)
    throw failure(Errc::too_large, "mirroring a snapshot whose catalog has more than " + std::to_string(most_.nodes) + " new nodes");
}

// The deepest first, and few enough that what they refer to fits memory, whoever made them.
task<void> SnapshotPush::read_nodes() {
  asked_.clear();
  walked_.clear();
  std::vector<ObjectId> wanted;
  std::size_t bytes = 0;
  for (std::uint64_t copy = 0; !to_read_.empty() && bytes < most_.node_bytes; to_read_.pop_back()) {
    auto const& next = to_read_.back();
    if (bytes == 0 || next.copy != copy) bytes += next.length;
    copy = next.copy;
    (next.asked ? asked_ : walked_).insert(next.id);
    wanted.push_back(next.id);
  }
  std::function<task<void>(Buffer)> apart = [this](Buffer records) { return take_apart(std::move(records)); };
  co_await fetch(std::move(wanted), std::move(apart));
}

task<void> SnapshotPush::fetch(std::vector<ObjectId> ids, std::function<task<void>(Buffer)> sink) {
  auto const gone = co_await vault_.get(std::move(ids), std::move(sink));
  if (!gone.empty())
    throw failure(Errc::missing_object, "mirroring: this server itself lacks " + std::to_string(gone.size()) + " objects of a snapshot, among them " + gone.front().brief());
}

// Data that is to be sent; nodes are read later: to be sent, or to go on below them.  What the partner has as something else goes at once.  One that does not
// compare is not asked about copies, but which are nodes must be known for it, too: whoever made them, few are read at once.
task<std::vector<ObjectId>> SnapshotPush::sort_out(std::vector<ObjectId> ids) {
  std::vector<ObjectId> placed = ids;
  auto const places = co_await vault_.serving(std::move(placed));
  std::vector<ObjectId> questions;
  std::vector<std::optional<Place>> ours;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    // Junk may have named it: the commit says whether it is missing.
    if (!places[i] && !lost_.contains(ids[i])) continue;
    // What came from the partner it has, unless it says otherwise; what hangs below that need not have come from there.
    if (known_.compares && places[i] && places[i]->from_partner && known_.trusted && !lost_.contains(ids[i])) {
      if (places[i]->type == ObjectType::node && !is_known(*places[i]) && note(looked_at_, *places[i])) read_later(ids[i], *places[i], false);
      continue;
    }
    questions.push_back(ids[i]);
    ours.push_back(places[i]);
  }
  std::vector<ObjectId> questioned = questions;
  auto const lacked = co_await lacking(std::move(questioned));  // in the order asked
  if (known_.compares) {
    std::vector<ObjectId> with_all = known_.trusted ? lacked : questions;
    co_await find_further(std::move(with_all), true);
  }
  std::vector<Ours> to_compare;
  std::vector<ObjectId> data;
  for (std::size_t i = 0, at = 0; i < questions.size(); ++i) {
    bool const wanted = at < lacked.size() && lacked[at] == questions[i];
    if (wanted) ++at;
    if (known_.compares && ours[i]) {
      if (!wanted) {
        look_at(Ours{questions[i], *ours[i]}, to_compare);
        continue;
      }
      // Of a record that went in this push something else was asked for: it is under way.
      if (!note(looked_at_, *ours[i]) && !lost_.contains(questions[i])) continue;
    }
    if (!wanted) continue;
    if (ours[i] && ours[i]->type == ObjectType::node) read_later(questions[i], *ours[i], true);
    else data.push_back(questions[i]);
  }
  co_await compare(std::move(to_compare));
  co_return data;
}

task<std::vector<ObjectId>> SnapshotPush::lacking(std::vector<ObjectId> ids) {
  std::vector<ObjectId> out;
  if (ids.empty()) co_return out;
  wire::pb::Have question;
  question.set_ids(wire::to_field(ids));
  auto const answer = co_await peer_.call<wire::pb::HaveReply>(wire::Verb::have, question);
  auto const here = value_or_throw(wire::parse_bitmap(answer.bitmap(), ids.size()), "reading what the partner has");
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!here[i]) out.push_back(ids[i]);
  co_return out;
}

// Nodes that were asked for: their references are next, they themselves wait.  The rest is data, and goes.
task<void> SnapshotPush::take_apart(Buffer records) {
  auto const views = value_or_throw(split_records(records), "reading stored records");
  bool const only_data = std::none_of(views.begin(), views.end(), [](auto const& view) { return view.type() == ObjectType::node; });
  if (only_data) {
    co_await forward(std::move(records), Kept::if_new);
    co_return;
  }
  Buffer data;
  for (auto const& view : views) {
    if (view.type() != ObjectType::node) {
      append(data, view.bytes());
      continue;
    }
    view.for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
      bool const asked = asked_.erase(id) > 0;
      if (!asked && walked_.erase(id) == 0) return;
      if (asked) nodes_.push_back(id);
      stack_.insert(stack_.end(), refs.begin(), refs.end());
    });
  }
  if (!data.empty()) co_await forward(std::move(data), Kept::if_new);
}

// ---- sending

task<void> SnapshotPush::forward(Buffer records, Kept kept) {
  std::vector<SessionId> sessions;
  for (ByteView rest{records}; !rest.empty();) {
    auto const prefix = value_or_throw(parse_record_prefix(rest), "reading a stored record");
    rest = rest.subspan(prefix.size());
    if (prefix.type == ObjectType::envelope) sessions_.insert(prefix.session);
    else sessions.push_back(prefix.session);
  }
  co_await send_envelopes(std::move(sessions));
  co_await put(std::move(records), kept);
}

// The envelope goes first: of every session among the records, unless the partner is known to have it.
task<void> SnapshotPush::send_envelopes(std::vector<SessionId> sessions) {
  if (sessions_.size() > most_.sessions) sessions_.clear();
  std::vector<ObjectId> ids;
  for (auto const& session : sessions)
    if (sessions_.insert(session).second) ids.push_back(envelope_id(session));
  most_sessions_ = std::max(most_sessions_, sessions_.size());
  if (ids.empty()) co_return;
  std::vector<ObjectId> asked = ids;
  auto const lacked = co_await lacking(std::move(asked));
  if (!lacked.empty()) {
    std::function<task<void>(Buffer)> send = [this](Buffer envelopes) { return put(std::move(envelopes), Kept::if_new); };
    co_await fetch(lacked, std::move(send));
  }
  if (!known_.compares) co_return;
  std::vector<ObjectId> with_all = known_.trusted ? lacked : ids;
  co_await find_further(std::move(with_all), true);
  std::vector<ObjectId> placed = ids;
  auto const places = co_await vault_.serving(std::move(placed));
  std::vector<Ours> to_compare;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!places[i] || (places[i]->from_partner && known_.trusted)) continue;
    if (std::find(lacked.begin(), lacked.end(), ids[i]) != lacked.end()) note(looked_at_, *places[i]);
    else look_at(Ours{ids[i], *places[i]}, to_compare);
  }
  co_await compare(std::move(to_compare));
}

task<void> SnapshotPush::put(Buffer records, Kept kept) {
  co_await settle(limits::kUnackedBytes - std::min(limits::kUnackedBytes, records.size()));
  wire::pb::Put head;
  head.set_records(count_records(records));
  if (kept == Kept::as_further_copy) head.set_further(true);
  has_sent_spares_ = has_sent_spares_ || kept == Kept::as_further_copy;
  auto const size = records.size();
  auto answer = co_await peer_.send(wire::Verb::put, wire::to_head(head), std::move(records));
  sent_.push_back(Sent{std::move(answer), size});
  sent_bytes_ += size;
}

// Waits for the oldest puts until few enough bytes are under way.
task<void> SnapshotPush::settle(std::size_t most_bytes) {
  while (!sent_.empty() && (sent_bytes_ > most_bytes || sent_.size() >= kMostSent)) {
    auto oldest = std::move(sent_.front());
    sent_.pop_front();
    sent_bytes_ -= oldest.bytes;
    co_await oldest.answer.only();
  }
  if (sent_.empty()) has_sent_spares_ = false;
}

}  // namespace farkeep
