#include <algorithm>

#include "archive/record.hpp"
#include "base/limits.hpp"
#include "vault/known_keys.hpp"
#include "vault/receipts.hpp"
#include "vault/session.hpp"
#include "vault/vault_limits.hpp"
#include "wire/signed_document.hpp"

// The verbs by which something gets into the vault that is open: records, and the snapshots made of them.
namespace farkeep {
namespace {

/// Signs for agents that are welcome at this moment only: between a commit's beginning and its receipt whole graphs are walked.
class ReceiptsForTheWelcome final : public ReceiptMaker {
 public:
  ReceiptsForTheWelcome(ReceiptMaker& receipts, std::function<void()> judge) : receipts_(receipts), judge_(std::move(judge)) {}
  std::int64_t time_ns() const override { return receipts_.time_ns(); }
  Buffer make(const AccountId& account, const AgentId& agent, std::uint64_t sequence, const Digest& statement) override {
    judge_();  // reads one small file, here where others wait: it is as rare as a commit, which waits for the disk anyway
    return receipts_.make(account, agent, sequence, statement);
  }

 private:
  ReceiptMaker& receipts_;
  std::function<void()> judge_;
};

std::vector<VerifyKey> keys_of_vault(Registry* registry, AgentId agent) { return keys_of(*registry, agent); }

// How many whole records these are, and whether envelopes are among them.  What is in them the vault checks.
struct Glance {
  Glance() = default;
  std::uint32_t records = 0;
  bool brings_envelopes = false;
};
std::optional<Glance> glance_at(ByteView body) {
  Glance out;
  while (!body.empty()) {
    auto const prefix = parse_record_prefix(body);
    if (!prefix || prefix->size() > body.size()) return std::nullopt;
    out.brings_envelopes = out.brings_envelopes || prefix->type == ObjectType::envelope;
    ++out.records;
    body = body.subspan(prefix->size());
  }
  return out;
}

}  // namespace

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
    received();
  }
  /// By the vault: later puts may follow its envelopes, which is long before they are durable.
  void received() {
    session_.arriving_.erase(number_);
    ++session_.steps_;
    session_.step_.wake_all();
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
  auto const message = parsed<wire::pb::Put>(request);
  auto glance = glance_at(request.body);
  if (!glance || glance->records != message.records() || glance->records == 0)
    throw HangUp(Errc::malformed, "reading a put request: its body is not the records that it announces");
  PutInProgress mine{*this, glance->brings_envelopes};
  auto const vault = co_await lease();
  Room room;
  if (request.room.size() == 2) {
    room.session = std::move(request.room[0]);
    room.server = std::move(request.room[1]);
  }
  while (!arriving_.empty() && *arriving_.begin() < mine.number()) co_await step_.wait();
  co_await vault->room();
  auto origin = Vault::Origin::agent;
  if (who_.role == PeerIdentity::Role::server) origin = message.further() ? Vault::Origin::partner_further : Vault::Origin::partner;
  std::function<void()> received = [&mine] { mine.received(); };
  co_await vault->put(std::move(request.body), std::move(room), message.soon() ? Vault::Haste::soon : Vault::Haste::none, origin, std::move(received));
  co_return reply_with(wire::pb::Done{});
}

// All that came up to `last` on this connection is durable on return.  A flush makes durable what was received before it; whatever was received, or became
// durable, meanwhile may be what the next one is for.
task<void> Session::settle_puts(Vault& vault, std::uint64_t last) {
  while (!unfinished_.empty() && *unfinished_.begin() <= last) {
    auto const before = steps_;
    co_await vault.flush();
    if (steps_ == before) co_await step_.wait();
  }
}

// ---- commit

/// One at a time on a connection: what they wait with is memory.
class Session::CommitInService {
 public:
  explicit CommitInService(bool& flag) : flag_(flag) {
    if (flag_) throw wire::Refusal(Errc::busy, "another commit of this connection is in service: its answer first", std::chrono::seconds{1});
    flag_ = true;
  }
  ~CommitInService() { flag_ = false; }
  CommitInService(const CommitInService&) = delete;
  CommitInService& operator=(const CommitInService&) = delete;

 private:
  bool& flag_;
};

task<Reply> Session::commit(Request request) {
  CommitInService const only{committing_};
  bool const mirrored = who_.role == PeerIdentity::Role::server;
  // What is not needed does not wait with it.
  Buffer manifest;
  wire::pb::SignedReceipt first_receipt;
  {
    auto message = parsed<wire::pb::Commit>(request);
    request.head = std::string{};
    if (message.manifest().size() > limits::kMaxManifest) throw failure(Errc::too_large, "committing a manifest");
    if (message.first_receipt().ByteSizeLong() > vault_limits::kMaxReceipt)
      throw failure(Errc::too_large, "committing a mirrored snapshot: the partner's receipt is larger than any may be");
    manifest = to_buffer(as_bytes(message.manifest()));
    if (mirrored) first_receipt = std::move(*message.mutable_first_receipt());
  }
  auto const last = puts_;
  auto const vault = co_await lease();
  const auto all_before = [this, &vault, last] { return settle_puts(*vault, last); };
  std::function<task<void>()> settle{all_before};

  ServerReceipts signed_receipts{parts_.identity, parts_.clock};
  ReceiptsForTheWelcome receipts{signed_receipts, [this] { judge(); }};
  std::unique_ptr<ManifestJudge> judge;
  std::uint64_t sequence = 0;
  if (mirrored) {
    auto first = wire::verify_receipt(first_receipt, parts_.identity.roots());
    if (!first || first->server_id() != as_text(who_.server.view()))
      throw failure(Errc::identity, "committing a mirrored snapshot: the partner's receipt does not hold");
    sequence = first->sequence();
    auto keys = co_await parts_.workers.offload(&keys_of_vault, &parts_.registry, vault->agent());
    judge = std::make_unique<SignedByKnownKey>(std::make_unique<MirroredManifests>(parts_.identity.roots(), std::move(*first)), std::move(keys));
  } else {
    judge = std::make_unique<AgentManifests>(parts_.identity.roots(), key_.value_or(VerifyKey{}), parts_.clock.wall());
  }
  auto outcome = co_await vault->commit(std::move(manifest), *judge, receipts, mirrored, std::move(settle));

  wire::pb::Committed answer;
  if (outcome.receipt) {
    auto const signed_receipt = wire::parse_message<wire::pb::SignedReceipt>(as_text(*outcome.receipt));
    if (!signed_receipt) throw failure(Errc::damaged, "reading the stored receipt of a snapshot");
    *answer.mutable_receipt() = *signed_receipt;
    VaultName const name{vault->account(), vault->agent()};
    if (mirrored) {
      auto const there = co_await vault->note_came(sequence, to_buffer(as_bytes(wire::known_part(first_receipt).SerializeAsString())));
      answer.set_pushed(there == Vault::PushedThere::yes);
      if (there == Vault::PushedThere::no) parts_.news.vault_changed(name);
      if (there == Vault::PushedThere::to_another_store) parts_.news.partner_lost_some(name);
    } else {
      parts_.news.vault_changed(name);
    }
  } else {
    answer.set_missing(wire::to_field(outcome.missing));
    answer.set_more_missing(outcome.more_missing);
  }
  co_return reply_with(answer);
}

}  // namespace farkeep
