#include <algorithm>

#include "base/log.hpp"
#include "crypto/keyring.hpp"
#include "vault/vault.hpp"
#include "vault/vault_cost.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kSaveCompleteAfter = 65536;  // nodes: rereading them after a crash takes seconds
}

/// One of the few that are in service or wait for it.
class Vault::Committing {
 public:
  explicit Committing(std::size_t& all) : all_(all) {
    if (all_ > vault_limits::kWaitingCommits) throw failure(Errc::busy, "committing a snapshot: several others of this agent wait already");
    ++all_;
  }
  ~Committing() { --all_; }
  Committing(const Committing&) = delete;
  Committing& operator=(const Committing&) = delete;

 private:
  std::size_t& all_;
};

/// Counts unless a snapshot is made, whatever it fails with.
class Vault::Attempt {
 public:
  explicit Attempt(Vault& vault) : vault_(vault), began_(vault.timers_.now()) {
    vault_.check_attempts();
    vault_.attempts_.push_back(began_);
  }
  void made_a_snapshot() {
    auto& all = vault_.attempts_;
    if (auto const mine = std::find(all.begin(), all.end(), began_); mine != all.end()) all.erase(mine);
  }

 private:
  Vault& vault_;
  const SteadyTime began_;
};

// The steps are those of LOCKING.md §6.
task<CommitOutcome> Vault::commit(Buffer manifest, ManifestJudge& judge, ReceiptMaker& receipts, bool from_mirror, std::function<task<void>()> settle) {
  refuse_if_closing();
  std::optional<Attempt> attempt;
  if (!from_mirror) attempt.emplace(*this);
  if (manifest.size() > limits::kMaxManifest) throw failure(Errc::too_large, "committing a manifest");
  auto facts = judge.judge(manifest);
  if (!facts) throw failure(facts.error(), "judging a manifest");
  if (!(facts->account == owner_.account) || !(facts->agent == owner_.agent))
    throw failure(Errc::unauthorised, "committing another agent's manifest");

  CommitOutcome outcome;
  Committing const counted{commits_};
  auto held = co_await committing_.take();
  if (auto row = rows_.find(facts->sequence); row != rows_.end() && row->second.digest == facts->digest) {
    auto stored = co_await read_commit(facts->sequence);
    if (!stored) throw failure(Errc::damaged, "reading the receipt of a snapshot that was committed before");
    outcome.receipt = std::move(stored->receipt);
    co_return outcome;
  }
  check_number(*facts);
  check_history(*facts, from_mirror);
  check_room(manifest.size(), from_mirror);
  auto const now = receipts.time_ns();
  if (!from_mirror) check_day(now);
  if (settle) co_await settle();
  co_await writer_.flush();
  check_room(manifest.size(), from_mirror);  // with all that has come

  auto checked = co_await check_closure(facts->root, envelope_id(facts->session), from_mirror);
  if (!checked.missing.empty()) {
    outcome.missing.assign(checked.missing.begin(), checked.missing.end());
    outcome.more_missing = outcome.missing.size() > limits::kIdsPerQuestion;
    if (outcome.more_missing) outcome.missing.resize(limits::kIdsPerQuestion);
    co_return outcome;
  }
  Buffer receipt = receipts.make(owner_.account, owner_.agent, facts->sequence, facts->digest);
  ManifestFacts proven = *facts;
  outcome.receipt = co_await make_snapshot(std::move(proven), std::move(manifest), std::move(receipt));
  if (attempt) attempt->made_a_snapshot();
  complete_.add(std::move(checked.nodes));
  if (complete_.size() - complete_saved_ >= kSaveCompleteAfter) co_await save_complete_nodes();
  committed_ = true;
  writer_.index_work().wake_all();
  co_return outcome;
}

// Where a catalog of the copies that serve does not hold, that of the partner's copies may: somebody who knew the ids may have put other nodes
// under them here before the right ones came (§4a).  What a mirroring server can send is what is missing in its own.
task<Vault::Checked> Vault::check_closure(ObjectId root, ObjectId envelope, bool from_mirror) {
  Checked out;
  std::exception_ptr refused;
  bool met_partners = false;
  for (auto const walk : {Closure::Walk::serving, Closure::Walk::newest_of_partner, Closure::Walk::oldest_of_partner}) {
    ClosureLimits const most;
    Closure closure{copies_, segments_, complete_, settings_.large_checks, most, walk};  // one at a time: each may hold room for large checks
    std::exception_ptr error;
    try {
      co_await closure.check(root, envelope);
    } catch (const failure& f) {
      auto const code = classify(f.code());
      if (code != Errc::malformed && code != Errc::too_large) throw;
      error = std::current_exception();
    }
    met_partners = met_partners || closure.met_partners();
    bool const is_whole = !error && closure.is_complete();
    // Where none is whole: what is missing in what serves, which an agent can send; to the mirror, in what it sent last.  Junk there refuses nothing that serves.
    bool const first = walk == Closure::Walk::serving;
    bool const better = walk == Closure::Walk::newest_of_partner && !error && (from_mirror || refused);
    if (is_whole || first || better) {
      refused = error;
      out.missing = closure.missing();
      if (is_whole) out.nodes = closure.take_nodes();
    }
    if (is_whole || !met_partners) break;
  }
  if (refused) std::rethrow_exception(refused);
  co_return out;
}

// A number that leaves none for later ones would end the vault.  From the mirror, too: with the agent's key it may come from anybody, and
// an honest partner sends the lower ones first, so that what both lack is no gap.
void Vault::check_number(const ManifestFacts& facts) const {
  if (auto aside = aside_.find({facts.sequence, VaultLayout::brief_digest(facts.digest)}); aside != aside_.end())
    throw failure(Errc::fork, "committing snapshot " + std::to_string(facts.sequence) + ", which the operator of this data centre set aside (\"" + aside->second +
                                  "\"); to set it aside at the partner, too: farkeep-server snapshots set-aside " + owner_.agent.hex() + " " +
                                  std::to_string(facts.sequence) + " --reason TEXT");
  const auto refuse = [&](const std::string& why, Errc code = Errc::rollback) {
    log_warning("{}: the number {} of a snapshot is refused: {}", layout_.top(), facts.sequence, why);
    throw failure(code, "committing snapshot " + std::to_string(facts.sequence) + ": " + why);
  };
  if (facts.sequence == 0 || (facts.sequence == 1 && !facts.previous.is_zero())) refuse("an impossible number or predecessor", Errc::malformed);
  std::uint64_t const newest = head().sequence;
  if (newest > vault_limits::kLastNumber)
    refuse("the newest snapshot here has the number " + std::to_string(newest) + ", after which none can follow; the data centre's operator has to set it aside");
  std::uint64_t const highest = rows_.empty() ? vault_limits::kFirstNumber : std::min(newest + 1 + vault_limits::kMostAhead, vault_limits::kLastNumber);
  if (facts.sequence > highest) refuse("the newest one here is " + std::to_string(newest) + ", and the next may be at most " + std::to_string(highest));
}

// Throws when the manifest does not continue what is known, from either side.
void Vault::check_history(const ManifestFacts& facts, bool from_mirror) const {
  const auto fork = [&](const char* what) {
    log_error("fork in {}: snapshot {} {}", layout_.top(), facts.sequence, what);
    throw failure(Errc::fork, std::string{"committing a snapshot that "} + what);
  };
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
  const std::uint64_t cost = in_blocks(bytes.size());
  bool made = co_await store_.put_new(name, bytes);
  if (!made) {
    auto old_bytes = co_await store_.get(name);
    auto old = parse_commit_object(old_bytes ? ByteView{*old_bytes} : ByteView{});
    if (old) {
      if (!(old->digest == facts.digest)) throw failure(Errc::fork, "committing a snapshot that has the number of another one");
      object = std::move(*old);
    } else {
      if (classify(old.error()) == Errc::unsupported_version) throw failure(old.error(), "reading " + name);
      if (old_bytes) co_await keep_damaged(facts.sequence, std::move(*old_bytes));
      made = co_await store_.put_new(name, std::move(bytes));
      if (!made) throw failure(Errc::io, "replacing a damaged snapshot");
    }
  }
  small_bytes_ += cost;
  add_row(object);
  co_return std::move(object.receipt);
}

}  // namespace farkeep
