#include "base/log.hpp"
#include "crypto/keyring.hpp"
#include "vault/vault.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kSaveCompleteAfter = 65536;  // nodes: rereading them after a crash takes seconds
}

// The steps are those of LOCKING.md §6.
task<CommitOutcome> Vault::commit(Buffer manifest, ManifestJudge& judge, ReceiptMaker& receipts, bool from_mirror) {
  refuse_if_closing();
  if (manifest.size() > limits::kMaxManifest) throw failure(Errc::too_large, "committing a manifest");
  auto facts = judge.judge(manifest);
  if (!facts) throw failure(facts.error(), "judging a manifest");
  if (!(facts->account == owner_.account) || !(facts->agent == owner_.agent))
    throw failure(Errc::unauthorised, "committing another agent's manifest");

  CommitOutcome outcome;
  auto held = co_await committing_.take();
  if (auto row = rows_.find(facts->sequence); row != rows_.end() && row->second.digest == facts->digest) {
    auto stored = co_await read_commit(facts->sequence);
    if (!stored) throw failure(Errc::damaged, "reading the receipt of a snapshot that was committed before");
    outcome.receipt = std::move(stored->receipt);
    co_return outcome;
  }
  check_history(*facts, from_mirror);
  co_await writer_.flush();

  Closure closure{index_, segments_, complete_, damaged_};
  co_await closure.check(facts->root, envelope_id(facts->session));
  if (!closure.is_complete()) {
    outcome.missing.assign(closure.missing().begin(), closure.missing().end());
    outcome.more_missing = outcome.missing.size() > limits::kIdsPerQuestion;
    if (outcome.more_missing) outcome.missing.resize(limits::kIdsPerQuestion);
    co_return outcome;
  }
  Buffer receipt = receipts.make(owner_.account, owner_.agent, facts->sequence, facts->digest);
  ManifestFacts proven = *facts;
  outcome.receipt = co_await make_snapshot(std::move(proven), std::move(manifest), std::move(receipt));
  complete_.add(closure.new_nodes());
  if (complete_.size() - complete_saved_ >= kSaveCompleteAfter) co_await save_complete_nodes();
  committed_ = true;
  writer_.index_work().wake_all();
  co_return outcome;
}

// Throws when the manifest does not continue what is known, from either side.
void Vault::check_history(const ManifestFacts& facts, bool from_mirror) const {
  const auto fork = [&](const char* what) {
    log_error("fork in {}: snapshot {} {}", layout_.top(), facts.sequence, what);
    throw failure(Errc::fork, std::string{"committing a snapshot that "} + what);
  };
  if (facts.sequence == 0 || (facts.sequence == 1 && !facts.previous.is_zero()))
    throw failure(Errc::malformed, "committing a snapshot with an impossible number or predecessor");
  if (rows_.contains(facts.sequence)) fork("has the number of another one");
  if (auto before = rows_.find(facts.sequence - 1); before != rows_.end() && !(before->second.digest == facts.previous))
    fork("does not follow the one before it");
  if (auto after = rows_.find(facts.sequence + 1); after != rows_.end() && !(after->second.previous == facts.digest))
    fork("is not what the one after it follows");
  if (!from_mirror && facts.sequence <= head().sequence)
    throw failure(Errc::rollback, "committing a snapshot with a number below the newest one's");
}

// The receipt that holds: ours, or that of an earlier attempt that came further than its caller knew.
task<Buffer> Vault::make_snapshot(ManifestFacts facts, Buffer manifest, Buffer receipt) {
  CommitObject object;
  object.sequence = facts.sequence;
  object.digest = facts.digest;
  object.previous = facts.previous;
  object.root = facts.root;
  object.session = facts.session;
  object.manifest = std::move(manifest);
  object.receipt = std::move(receipt);
  const std::string name = layout_.snapshot(facts.sequence);
  Buffer bytes = encode(object);
  bool made = co_await store_.put_new(name, bytes);
  if (!made) {
    auto old_bytes = co_await store_.get(name);
    auto old = parse_commit_object(old_bytes ? ByteView{*old_bytes} : ByteView{});
    if (old) {
      if (!(old->digest == facts.digest)) throw failure(Errc::fork, "committing a snapshot that has the number of another one");
      object = std::move(*old);
    } else {
      if (classify(old.error()) == Errc::unsupported_version) throw failure(old.error(), "reading " + name);
      if (old_bytes) co_await set_aside(facts.sequence, std::move(*old_bytes));
      made = co_await store_.put_new(name, std::move(bytes));
      if (!made) throw failure(Errc::io, "replacing a damaged snapshot");
    }
  }
  Row row;
  row.digest = facts.digest;
  row.previous = facts.previous;
  rows_.emplace(facts.sequence, row);
  co_return std::move(object.receipt);
}

}  // namespace farkeep
