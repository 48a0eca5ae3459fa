#include "archive/record.hpp"
#include "async/race.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/envelope.hpp"
#include "vault/receipts.hpp"
#include "vault/session.hpp"
#include "wire/signed_document.hpp"

// The verbs that work on the vault that is open.
namespace farkeep {
namespace {

constexpr std::size_t kPageBytes = 768 * limits::kKiB;  // of a frame's head: one more manifest with receipts still fits
constexpr std::size_t kPageStep = 16;
constexpr std::size_t kMaxSlot = 4 * limits::kKiB;  // crypto/KEYS.md: 142 and 158 bytes
constexpr std::size_t kMaxSlots = 64;               // eight at a time, and those they replaced

// How many whole records these are, and the envelopes among them.  What is in them the vault checks.
struct Glance {
  Glance() = default;
  std::uint32_t records = 0;
  std::vector<ObjectId> envelopes;
};
std::optional<Glance> glance_at(ByteView body) {
  Glance out;
  while (!body.empty()) {
    auto const prefix = parse_record_prefix(body);
    if (!prefix || prefix->size() > body.size()) return std::nullopt;
    if (prefix->type == ObjectType::envelope) out.envelopes.push_back(envelope_id(prefix->session));
    ++out.records;
    body = body.subspan(prefix->size());
  }
  return out;
}

std::vector<ObjectId> ids_in(const std::string& field, wire::Verb verb) {
  auto ids = wire::parse_ids(field);
  if (!ids) throw HangUp(classify(ids.error()), "reading a " + std::string{wire::name_of(verb)} + " request: its ids");
  return std::move(*ids);
}

}  // namespace

task<Reply> Session::open(Request request) {
  auto const message = parsed<wire::pb::OpenVault>(request);
  auto account = AccountId::from(message.account());
  auto agent = AgentId::from(message.agent());
  if (who_.role == PeerIdentity::Role::agent) {
    bool const names_another = (!message.account().empty() && account != who_.account) || (!message.agent().empty() && agent != who_.agent);
    if (names_another) {
      log_warning("{} asked for the vault of another agent", who_.text());
      throw HangUp(Errc::unauthorised, "an agent may open its own vault only");
    }
    account = who_.account;
    agent = who_.agent;
  }
  if (!account || !agent) throw HangUp(Errc::malformed, "reading an open request: account and agent have 16 bytes each");

  auto lease = co_await parts_.vaults.open(*account, *agent);
  auto const quota = co_await parts_.workers.offload([](Session* self, AccountId id) { return self->quota_of(id); }, this, *account);
  lease->set_quota(quota);
  wire::pb::VaultState state;
  auto const head = lease->head();
  state.set_head(head.sequence);
  if (head.sequence > 0) state.set_head_digest(wire::to_field(head.digest));
  state.set_objects(lease->objects());
  state.set_stored_bytes(lease->stored_bytes());
  state.set_store_id(wire::to_field(parts_.vaults.store_id()));
  state.set_quota_bytes(quota);
  vault_ = std::make_shared<Vaults::Lease>(std::move(lease));
  stage_ = wire::Stage::opened;
  co_return reply_with(state);
}

std::uint64_t Session::quota_of(const AccountId& account) {
  auto const known = parts_.registry.account(account);
  return known && known->quota_bytes() > 0 ? known->quota_bytes() : parts_.agent_quota.load();
}

task<Reply> Session::have(Request request) {
  auto const vault = vault_;
  auto const message = parsed<wire::pb::Have>(request);
  auto const bitmap = co_await (*vault)->have(ids_in(message.ids(), request.verb));
  wire::pb::HaveReply answer;
  answer.set_bitmap(to_string(bitmap));
  co_return reply_with(answer);
}

// ---- put

/// A put's place among the others, whatever becomes of it.
class Session::PutInProgress {
 public:
  PutInProgress(Session& session, bool brings_envelopes) : session_(session), number_(++session.puts_) {
    session_.unfinished_.insert(number_);
    if (brings_envelopes) session_.arriving_.insert(number_);
  }
  ~PutInProgress() {
    session_.unfinished_.erase(number_);
    if (session_.arriving_.erase(number_)) session_.arrived_.wake_all();
  }
  PutInProgress(const PutInProgress&) = delete;
  PutInProgress& operator=(const PutInProgress&) = delete;
  std::uint64_t number() const noexcept { return number_; }

 private:
  Session& session_;
  const std::uint64_t number_;
};

// Requests run side by side, but a record may follow its envelope without waiting for the answer: it waits here until the envelopes
// that came before it are received.
task<Reply> Session::put(Request request) {
  auto const vault = vault_;
  auto const message = parsed<wire::pb::Put>(request);
  auto glance = glance_at(request.body);
  if (!glance || glance->records != message.records() || glance->records == 0)
    throw HangUp(Errc::malformed, "reading a put request: its body is not the records that it announces");
  PutInProgress const mine{*this, !glance->envelopes.empty()};
  // In the order of arrival, so an envelope has its room before those that wait for it.
  Room room;
  room.session = co_await held_.take(request.body.size());
  room.server = co_await parts_.budget.take(request.body.size());
  while (!arriving_.empty() && *arriving_.begin() < mine.number()) co_await arrived_.wait();
  co_await (*vault)->room();
  auto receiving = (*vault)->put(std::move(request.body), std::move(room), message.soon() ? Vault::Haste::soon : Vault::Haste::none);
  if (glance->envelopes.empty()) {
    co_await std::move(receiving);
  } else {
    co_await race(std::move(receiving), watch_envelopes(**vault, std::move(glance->envelopes), mine.number()));
  }
  co_return reply_with(wire::pb::Done{});
}

// Lets later puts go on as soon as the envelopes are received, which is long before they are durable.  Never ends by itself.
task<void> Session::watch_envelopes(Vault& vault, std::vector<ObjectId> envelopes, std::uint64_t number) {
  for (;;) {
    auto const bitmap = co_await vault.have(envelopes);
    auto const here = wire::parse_bitmap(as_text(bitmap), envelopes.size());
    if (here && std::find(here->begin(), here->end(), false) == here->end()) break;
    co_await parts_.timers.sleep(std::chrono::milliseconds{1});
  }
  if (arriving_.erase(number)) arrived_.wake_all();
  co_await never_.wait();
}

// All that came before on this connection is durable on return.  A put that is still being received is not seen by one flush: then another.
task<void> Session::settle_puts(Vault& vault) {
  auto const last = puts_;
  for (std::chrono::milliseconds pause{0}; !unfinished_.empty() && *unfinished_.begin() <= last; pause = std::chrono::milliseconds{1}) {
    co_await vault.flush();
    co_await parts_.timers.sleep(pause);
  }
}

// ---- commit

task<Reply> Session::commit(Request request) {
  auto const vault = vault_;
  auto const message = parsed<wire::pb::Commit>(request);
  bool const mirrored = who_.role == PeerIdentity::Role::server;
  co_await settle_puts(**vault);

  ServerReceipts receipts{parts_.identity, parts_.clock};
  std::unique_ptr<ManifestJudge> judge;
  std::uint64_t sequence = 0;
  if (mirrored) {
    auto first = wire::verify_receipt(message.first_receipt(), parts_.identity.root());
    if (!first || first->server_id() != as_text(who_.server.view()))
      throw failure(Errc::identity, "committing a mirrored snapshot: the partner's receipt does not hold");
    sequence = first->sequence();
    judge = std::make_unique<MirroredManifests>(parts_.identity.root(), std::move(*first));
  } else {
    judge = std::make_unique<AgentManifests>(parts_.identity.root(), key_.value_or(VerifyKey{}), parts_.clock.wall());
  }
  auto outcome = co_await (*vault)->commit(to_buffer(as_bytes(message.manifest())), *judge, receipts, mirrored);

  wire::pb::Committed answer;
  if (outcome.receipt) {
    auto const signed_receipt = wire::parse_message<wire::pb::SignedReceipt>(as_text(*outcome.receipt));
    if (!signed_receipt) throw failure(Errc::damaged, "reading the stored receipt of a snapshot");
    *answer.mutable_receipt() = *signed_receipt;
    if (mirrored) co_await (*vault)->set_partner_receipt(sequence, to_buffer(as_bytes(message.first_receipt().SerializeAsString())));
    else parts_.news.vault_changed(VaultName{(*vault)->account(), (*vault)->agent()});
  } else {
    answer.set_missing(wire::to_field(outcome.missing));
    answer.set_more_missing(outcome.more_missing);
  }
  co_return reply_with(answer);
}

// ---- reading

task<Reply> Session::snapshots(Request request) {
  auto const vault = vault_;
  auto const message = parsed<wire::pb::Snapshots>(request);
  wire::pb::SnapshotPage page;
  std::size_t bytes = 0;
  auto after = message.after();
  while (static_cast<std::uint64_t>(page.snapshot_size()) < limits::kPageSnapshots && bytes < kPageBytes && after < (*vault)->head().sequence) {
    auto rows = co_await (*vault)->snapshots(after, bytes == 0 ? 1 : kPageStep);
    if (rows.empty()) {
      after = (*vault)->head().sequence;
      break;
    }
    for (auto const& row : rows) {
      if (bytes >= kPageBytes || static_cast<std::uint64_t>(page.snapshot_size()) == limits::kPageSnapshots) break;
      auto* one = page.add_snapshot();
      one->set_manifest(to_string(row.manifest));
      one->mutable_receipt()->ParseFromArray(row.receipt.data(), static_cast<int>(row.receipt.size()));
      if (!row.partner_receipt.empty())
        one->mutable_partner_receipt()->ParseFromArray(row.partner_receipt.data(), static_cast<int>(row.partner_receipt.size()));
      bytes += row.manifest.size() + row.receipt.size() + row.partner_receipt.size();
      after = row.sequence;
    }
  }
  page.set_more(after < (*vault)->head().sequence);
  co_return reply_with(page);
}

task<Reply> Session::get(Request request, Replies& replies) {
  auto const vault = vault_;
  auto const message = parsed<wire::pb::Get>(request);
  auto const forward = [&replies](Buffer records) { return replies.more(Reply{std::string{}, std::move(records)}); };
  std::function<task<void>(Buffer)> sink{forward};
  auto const missing = co_await (*vault)->get(ids_in(message.ids(), request.verb), std::move(sink));
  wire::pb::Got last;
  last.set_last(true);
  last.set_missing(wire::to_field(missing));
  co_return reply_with(last);
}

// ---- key slots

task<Reply> Session::add_slot(Request request) {
  auto const vault = vault_;
  auto const message = parsed<wire::pb::AddSlot>(request);
  if (message.slot().size() > kMaxSlot) throw HangUp(Errc::too_large, "adding a key slot: it has more than 4 KiB");
  auto const known = co_await (*vault)->slots();
  auto slot = to_buffer(as_bytes(message.slot()));
  bool const there = std::find(known.begin(), known.end(), slot) != known.end();
  if (!there && known.size() >= kMaxSlots) throw failure(Errc::quota, "adding a key slot: this vault has 64 already");
  co_await (*vault)->add_slot(std::move(slot));
  if (who_.role == PeerIdentity::Role::agent) parts_.news.vault_changed(VaultName{(*vault)->account(), (*vault)->agent()});
  co_return reply_with(wire::pb::Done{});
}

task<Reply> Session::slots() {
  auto const vault = vault_;
  auto const known = co_await (*vault)->slots();
  wire::pb::Slots answer;
  for (auto const& slot : known) answer.add_slot(to_string(slot));
  co_return reply_with(answer);
}

}  // namespace farkeep
