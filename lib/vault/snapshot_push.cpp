#include "vault/snapshot_push.hpp"

#include <algorithm>

#include "archive/manifest.hpp"
#include "archive/record.hpp"
#include "crypto/keyring.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kBatch = 2048;       // ids a question: a level of leaves then adds some MiB of references
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

}  // namespace

// 1. what hangs below the root  2. commit with the original bytes  3. what is still missing, until nothing is
task<void> SnapshotPush::push(SnapshotRow row) {
  auto const manifest = value_or_throw(Manifest::parse(row.manifest), "reading a stored manifest");
  auto const first_receipt = wire::parse_message<wire::pb::SignedReceipt>(as_text(row.receipt));
  if (!first_receipt) throw failure(Errc::damaged, "reading a stored receipt");
  wire::pb::Commit commit;
  commit.set_manifest(to_string(row.manifest));
  *commit.mutable_first_receipt() = *first_receipt;

  std::vector<ObjectId> seeds{envelope_id(manifest.statement().session), manifest.statement().root};
  for (int round = 0; round < kMostRounds; ++round) {
    co_await send_below(std::move(seeds));
    auto const answer = co_await peer_.call<wire::pb::Committed>(wire::Verb::commit, commit, kCommitTimeout);
    co_await settle(0);
    if (answer.has_receipt()) {
      co_await keep_receipt(row, answer.receipt());
      co_return;
    }
    seeds = value_or_throw(wire::parse_ids(answer.missing()), "reading what the partner lacks");
    if (seeds.empty()) throw failure(Errc::protocol, "mirroring: the partner refused a snapshot and lacks nothing");
  }
  throw failure(Errc::missing_object, "mirroring snapshot " + std::to_string(row.sequence) + ": the partner still lacks objects after many rounds");
}

task<void> SnapshotPush::keep_receipt(const SnapshotRow& row, const wire::pb::SignedReceipt& receipt) {
  auto const theirs = wire::verify_receipt(receipt, root_);
  bool const right = theirs && theirs->server_id() == as_text(partner_.view()) && theirs->sequence() == row.sequence &&
                     theirs->manifest_digest() == as_text(row.digest.view()) && theirs->account() == as_text(vault_.account().view()) &&
                     theirs->agent() == as_text(vault_.agent().view());
  if (!right) throw failure(Errc::identity, "mirroring snapshot " + std::to_string(row.sequence) + ": the partner's receipt does not hold");
  co_await vault_.set_partner_receipt(row.sequence, to_buffer(as_bytes(receipt.SerializeAsString())));
}

// ---- what the partner lacks, from some ids down

task<void> SnapshotPush::send_below(std::vector<ObjectId> seeds) {
  stack_ = std::move(seeds);
  nodes_.clear();
  seen_nodes_.clear();
  std::function<task<void>(Buffer)> const apart = [this](Buffer records) { return take_apart(std::move(records)); };
  std::function<task<void>(Buffer)> const whole = [this](Buffer records) { return forward(std::move(records)); };
  while (!stack_.empty()) {
    auto const n = std::min(stack_.size(), kBatch);
    std::vector<ObjectId> batch(stack_.end() - static_cast<std::ptrdiff_t>(n), stack_.end());
    stack_.resize(stack_.size() - n);
    std::sort(batch.begin(), batch.end());
    batch.erase(std::unique(batch.begin(), batch.end()), batch.end());
    auto wanted = co_await lacking(std::move(batch));
    if (wanted.empty()) continue;
    asked_ = {wanted.begin(), wanted.end()};
    auto const gone = co_await vault_.get(std::move(wanted), apart);
    if (!gone.empty())
      throw failure(Errc::missing_object, "mirroring: this server itself lacks " + std::to_string(gone.size()) + " objects of a snapshot, among them " + gone.front().brief());
  }
  while (!nodes_.empty()) {
    auto const n = std::min(nodes_.size(), kNodeBatch);
    std::vector<ObjectId> batch(nodes_.end() - static_cast<std::ptrdiff_t>(n), nodes_.end());
    nodes_.resize(nodes_.size() - n);
    auto const gone = co_await vault_.get(std::move(batch), whole);
    if (!gone.empty()) throw failure(Errc::missing_object, "mirroring: this server itself lost a node of a snapshot, " + gone.front().brief());
  }
}

task<std::vector<ObjectId>> SnapshotPush::lacking(std::vector<ObjectId> ids) {
  wire::pb::Have question;
  question.set_ids(wire::to_field(ids));
  auto const answer = co_await peer_.call<wire::pb::HaveReply>(wire::Verb::have, question);
  auto const here = value_or_throw(wire::parse_bitmap(answer.bitmap(), ids.size()), "reading what the partner has");
  std::vector<ObjectId> out;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!here[i]) out.push_back(ids[i]);
  co_return out;
}

// Nodes that were asked for: their references are next, they themselves wait.  The rest is data, and goes.
task<void> SnapshotPush::take_apart(Buffer records) {
  auto const views = value_or_throw(split_records(records), "reading stored records");
  bool const only_data = std::none_of(views.begin(), views.end(), [](auto const& view) { return view.type() == ObjectType::node; });
  if (only_data) {
    co_await forward(std::move(records));
    co_return;
  }
  Buffer data;
  for (auto const& view : views) {
    if (view.type() != ObjectType::node) {
      append(data, view.bytes());
      continue;
    }
    view.for_each_object([&](const ObjectId& id, std::span<const ObjectId> refs) {
      if (!asked_.contains(id) || !seen_nodes_.insert(id).second) return;
      nodes_.push_back(id);
      stack_.insert(stack_.end(), refs.begin(), refs.end());
    });
  }
  if (!data.empty()) co_await forward(std::move(data));
}

// ---- sending

task<void> SnapshotPush::forward(Buffer records) {
  co_await send_envelopes(records);
  co_await put(std::move(records));
}

// The envelope goes first: of every session among the records, unless the partner is known to have it.
task<void> SnapshotPush::send_envelopes(ByteView records) {
  std::vector<ObjectId> wanted;
  for (auto rest = records; !rest.empty();) {
    auto const prefix = value_or_throw(parse_record_prefix(rest), "reading a stored record");
    rest = rest.subspan(prefix.size());
    if (sessions_.insert(prefix.session).second && prefix.type != ObjectType::envelope) wanted.push_back(envelope_id(prefix.session));
  }
  if (wanted.empty()) co_return;
  auto missing = co_await lacking(std::move(wanted));
  if (missing.empty()) co_return;
  std::function<task<void>(Buffer)> const send = [this](Buffer envelopes) { return put(std::move(envelopes)); };
  auto const gone = co_await vault_.get(std::move(missing), send);
  if (!gone.empty()) throw failure(Errc::missing_object, "mirroring: this server itself lacks an envelope, " + gone.front().brief());
}

task<void> SnapshotPush::put(Buffer records) {
  co_await settle(limits::kUnackedBytes - std::min(limits::kUnackedBytes, records.size()));
  wire::pb::Put head;
  head.set_records(count_records(records));
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
}

}  // namespace farkeep
