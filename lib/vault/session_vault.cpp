#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "vault/session.hpp"
#include "vault/vault_limits.hpp"

// The verbs that ask the vault that is open; session_put.cpp has those that bring it something.
namespace farkeep {
namespace {

constexpr std::size_t kPageStep = 16;    // rows read at once…
constexpr std::size_t kRowOverhead = 16;  // …and what a row costs in a page beside its own size: a tag and lengths
constexpr std::size_t kMostOfPage = 2 * limits::kMaxFrameHead;  // a page of rows, and what it is made of
constexpr std::size_t kMostOfAnswer = limits::kMaxFrameBody;  // what a `get` has in its hands at once: a largest record and a batch

std::vector<ObjectId> ids_in(const std::string& field, wire::Verb verb) {
  auto ids = wire::parse_ids(field);
  if (!ids) throw HangUp(classify(ids.error()), "reading a " + std::string{wire::name_of(verb)} + " request: its ids");
  return std::move(*ids);
}

std::vector<Digest> digests_in(const std::string& field, std::size_t most) {
  auto const raw = wire::parse_ids(field, most);
  if (!raw) throw HangUp(classify(raw.error()), "reading a request: the digests of records in it");
  std::vector<Digest> out;
  for (auto const& one : *raw) out.push_back(*Digest::from(one.view()));
  return out;
}

}  // namespace

task<Reply> Session::open(Request request) {
  auto const message = parsed<wire::pb::OpenVault>(request);
  auto account = AccountId::from(message.account());
  auto agent = AgentId::from(message.agent());
  if (who_.role == PeerIdentity::Role::agent) {
    bool const names_another = (!message.account().empty() && account != who_.account) || (!message.agent().empty() && agent != who_.agent);
    if (names_another) {
      parts_.refusals.say(parts_.timers.now(), who_.text() + " asked for the vault of another agent");
      throw HangUp(Errc::unauthorised, "an agent may open its own vault only");
    }
    account = who_.account;
    agent = who_.agent;
  }
  if (!account || !agent) throw HangUp(Errc::malformed, "reading an open request: account and agent have 16 bytes each");

  if (who_.role == PeerIdentity::Role::server) {
    bool const known = co_await is_known(*account, *agent);
    if (!known) throw wire::Refusal(Errc::busy, "this server has not heard of agent " + agent->brief() + " yet", std::chrono::seconds{10});
  }
  auto const quota = co_await workers_->offload([](Session* self, AccountId id) { return self->quota_of(id); }, this, *account);
  auto const lease = co_await parts_.vaults.open(*account, *agent);
  lease->set_quota(quota);
  wire::pb::VaultState state;
  auto const head = lease->head();
  state.set_head(head.sequence);
  if (head.sequence > 0) state.set_head_digest(wire::to_field(head.digest));
  state.set_objects(lease->objects());
  state.set_stored_bytes(lease->stored_bytes());
  state.set_store_id(wire::to_field(parts_.vaults.store_id()));
  state.set_quota_bytes(quota);
  vault_ = VaultName{*account, *agent};
  vault_quota_ = quota;
  stage_ = wire::Stage::opened;
  co_return reply_with(state);
}

std::uint64_t Session::quota_of(const AccountId& account) {
  auto const known = parts_.registry.account(account);
  return known && known->quota_bytes() > 0 ? known->quota_bytes() : parts_.agent_quota.load();
}

// A partner makes no vaults for agents that nobody registered: its registry comes first, and is checked there.
task<bool> Session::is_known(AccountId account, AgentId agent) {
  auto const known = co_await workers_->offload([](Registry* registry, AgentId id) { return registry->agent(id); }, &parts_.registry, agent);
  co_return known && known->account() == as_text(account.view());
}

// Of the vault that is open on this connection, for as long as one request takes.
task<Vaults::Lease> Session::lease() {
  auto vault = co_await parts_.vaults.open(vault_.account, vault_.agent);
  vault->set_quota(vault_quota_);
  co_return vault;
}

task<Reply> Session::have(Request request) {
  auto const turn = co_await having_.take(1);
  auto message = parsed<wire::pb::Have>(request);
  request.head = std::string{};
  bool const compares = !message.digests().empty();
  std::vector<ObjectId> ids;
  if (!compares) {
    ids = ids_in(message.ids(), request.verb);
    message = wire::pb::Have{};
  }
  auto const vault = co_await lease();
  if (compares) co_return co_await compare(message, *vault);
  auto const here = co_await vault->have(std::move(ids));
  wire::pb::HaveReply answer;
  answer.set_bitmap(wire::to_bitmap(here));
  co_return reply_with(answer);
}

// A thief of an agent's key has no use for it: he would learn whether a record that he has is here.  But it costs reading.
task<Reply> Session::compare(const wire::pb::Have& message, Vault& vault) {
  if (who_.role != PeerIdentity::Role::server) throw HangUp(Errc::unauthorised, "comparing records is for servers");
  auto const ids = ids_in(message.ids(), wire::Verb::have);
  auto const digests = digests_in(message.digests(), limits::kRecordsCompared);
  if (digests.size() != ids.size() || static_cast<std::size_t>(message.lengths_size()) != ids.size())
    throw HangUp(Errc::malformed, "reading a have request: not as many digests and lengths as ids");
  std::vector<RecordClaim> claims;
  for (std::size_t i = 0; i < ids.size(); ++i) claims.push_back(RecordClaim{ids[i], digests[i], message.lengths(static_cast<int>(i))});
  auto const same = co_await vault.same(std::move(claims));
  wire::pb::HaveReply answer;
  answer.set_same(wire::to_bitmap(same));
  co_return reply_with(answer);
}

// ---- reading

namespace {

// A row as it goes out.  Receipts are bounded where they come in; a row that an earlier version took in larger than any answer goes
// without the partner's receipt, which its owner can do without.
wire::pb::StoredSnapshot stored(const SnapshotRow& row) {
  wire::pb::StoredSnapshot out;
  out.set_manifest(to_string(row.manifest));
  out.mutable_receipt()->ParseFromArray(row.receipt.data(), static_cast<int>(row.receipt.size()));
  if (!row.partner_receipt.empty() && row.partner_receipt.size() <= vault_limits::kMaxReceipt)
    out.mutable_partner_receipt()->ParseFromArray(row.partner_receipt.data(), static_cast<int>(row.partner_receipt.size()));
  return out;
}

}  // namespace

// Rows are added while the page, as it is sent, fits a frame: their sizes are the agent's choice.
task<wire::pb::SnapshotPage> Session::page_after(std::uint64_t after) {
  auto const vault = co_await lease();
  wire::pb::SnapshotPage page;
  std::size_t bytes = 0, step = 1;
  bool full = false;
  while (!full && static_cast<std::uint64_t>(page.snapshot_size()) < limits::kPageSnapshots && after < vault->head().sequence) {
    auto rows = co_await vault->snapshots(after, step);
    if (rows.empty()) {
      after = vault->head().sequence;
      break;
    }
    for (auto const& row : rows) {
      auto one = stored(row);
      auto const size = one.ByteSizeLong() + kRowOverhead;
      if (size > vault_limits::kMostAnswer) {
        log_error("snapshot {} of agent {} is left out of a list: it has {} bytes, more than an answer may", row.sequence, vault->agent().brief(), size);
      } else {
        full = bytes + size > vault_limits::kMostAnswer || static_cast<std::uint64_t>(page.snapshot_size()) == limits::kPageSnapshots;
        if (full) break;
        bytes += size;
        *page.add_snapshot() = std::move(one);
      }
      after = row.sequence;
    }
    // As many as will probably fit: what does not is read in vain.
    auto const average = std::max<std::size_t>(1, bytes / std::max(1, page.snapshot_size()));
    step = std::clamp<std::size_t>((vault_limits::kMostAnswer - bytes) / average, 1, kPageStep);
  }
  page.set_more(after < vault->head().sequence);
  co_return page;
}

task<Reply> Session::snapshots(Request request, Replies& replies) {
  auto const message = parsed<wire::pb::Snapshots>(request);
  auto room = co_await room_for_answer(replies, kMostOfPage);
  auto const page = co_await page_after(message.after());
  auto reply = reply_with(page);
  room.shrink_to(std::min(room.size(), reply.head.size()));
  reply.room.push_back(std::move(room));
  co_return reply;
}

task<Reply> Session::get(Request request, Replies& replies) {
  // Room for what is read comes before it is read, and goes along with it until it is written to the connection.
  auto const turn = co_await getting_.take(1);
  std::vector<ObjectId> ids;
  std::vector<Digest> not_these;
  {
    auto const message = parsed<wire::pb::Get>(request);
    request.head = std::string{};
    ids = ids_in(message.ids(), request.verb);
    not_these = digests_in(message.not_these(), limits::kNotThese);
  }
  auto room = co_await room_for_answer(replies, kMostOfAnswer);
  auto const vault = co_await lease();
  auto const forward = [this, &replies, &room](Buffer records) { return send_records(replies, room, std::move(records)); };
  std::function<task<void>(Buffer)> sink{forward};
  wire::pb::Got last;
  last.set_last(true);
  if (not_these.empty()) {
    auto const missing = co_await vault->get(std::move(ids), std::move(sink));
    last.set_missing(wire::to_field(missing));
  } else {
    auto const others = co_await vault->get_others(std::move(ids), std::move(not_these), std::move(sink));
    last.set_missing(wire::to_field(others.missing));
    if (!others.reported.empty()) parts_.unusable.saw(vault->agent(), who_.text(), others.reported.size(), others.missing.size());
  }
  co_return reply_with(last);
}

// Whoever waits here for others is told that the server is at work.
task<Budget::Lease> Session::room_for_answer(Replies& replies, std::size_t most) {
  auto taking = parts_.answers.take(share_->answers, most);
  co_return co_await at_work(std::move(taking), replies);
}

task<void> Session::send_records(Replies& replies, Budget::Lease& room, Buffer records) {
  co_await still_welcome();  // an answer may take hours; who is not welcome any more gets no more of it
  Reply reply{std::string{}, std::move(records)};
  if (reply.body.size() < room.size()) room.shrink_to(reply.body.size());
  reply.room.push_back(std::move(room));
  co_await replies.more(std::move(reply));
  room = co_await room_for_answer(replies, kMostOfAnswer);
}

// ---- key slots

task<Reply> Session::add_slot(Request request) {
  auto const message = parsed<wire::pb::AddSlot>(request);
  if (message.slot().size() > vault_limits::kMaxSlot) throw HangUp(Errc::too_large, "adding a key slot: it has more than 4 KiB");
  auto const vault = co_await lease();
  auto const from = who_.role == PeerIdentity::Role::agent ? SlotFrom::agent : SlotFrom::partner;
  co_await vault->add_slot(to_buffer(as_bytes(message.slot())), from, parts_.clock.wall().time_since_epoch().count());
  if (who_.role == PeerIdentity::Role::agent) parts_.news.vault_changed(VaultName{vault->account(), vault->agent()});
  co_return reply_with(wire::pb::Done{});
}

task<Reply> Session::slots(Replies& replies) {
  auto room = co_await room_for_answer(replies, vault_limits::kMaxSlots * vault_limits::kMaxSlot);
  auto const vault = co_await lease();
  auto const known = co_await vault->slots();
  wire::pb::Slots answer;
  for (auto const& slot : known) answer.add_slot(to_string(slot));
  auto reply = reply_with(answer);
  room.shrink_to(std::min(room.size(), reply.head.size()));
  reply.room.push_back(std::move(room));
  co_return reply;
}

}  // namespace farkeep
