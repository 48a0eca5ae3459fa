#include "agent/recovery.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <set>

#include "agent/address_book.hpp"
#include "agent/key_slots.hpp"
#include "agent/keys.hpp"
#include "agent/root_fit.hpp"
#include "base/error.hpp"
#include "crypto/digest.hpp"
#include "crypto/key_file.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep {
namespace {

OpenedSlots open(const std::vector<Buffer>& slots, const RecoverySource& source) {
  return source.escrow ? open_with_escrow(slots, *source.escrow) : open_with_passphrase(slots, source.passphrase);
}

struct Asked {
  std::string heard;   // the servers that answered: "east and west"; empty: none
  std::string silent;  // why one that was to be asked did not; empty: all answered

  std::string not_asked() const { return silent.empty() ? "" : "; not asked: " + silent; }
};

// Does the work once at each server that answers, at one of its addresses.  `then`: whose answer it was, when the connection is over.
task<Asked> at_each_server(RecoveryParts parts, Servers::Work work, std::function<void(const std::string&)> then) {
  Asked out;
  std::map<ServerId, std::string> silent;
  std::vector<ServerTarget> line = parts.choice.order(parts.servers.pair());
  while (!line.empty() || out.heard.empty()) {
    std::size_t failed = 0;  // from the line's front
    HearsOfFailure heard = [&](const ServerTarget& target, const boost::system::system_error& f) {
      ++failed;
      silent[target.id] = target.name + ": " + f.what();
    };
    bool answered = false;
    Servers::Work again = work;
    std::vector<ServerTarget> present = line;
    try {
      co_await use_any(parts.servers, parts.choice, parts.reporter, std::move(again), std::move(present), std::move(heard));
      answered = true;
    } catch (const failure& f) {
      if (classify(f.code()) == Errc::cancelled || out.heard.empty()) throw;
      if (silent.empty()) out.silent = f.what();
    }
    if (!answered) break;
    const ServerTarget server = line[failed];
    silent.erase(server.id);
    out.heard += (out.heard.empty() ? "" : " and ") + server.name;
    then(server.name);
    line.erase(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(failed) + 1);
    std::erase_if(line, [&](const ServerTarget& t) { return t.id == server.id; });
  }
  for (auto& [id, why] : silent) out.silent += (out.silent.empty() ? "" : "; ") + why;
  co_return out;
}

// A key that may be the agent's.  It stays where it is.
struct Candidate {
  Candidate(SecretKey key, std::string server) : root(std::move(key)), ring(root), fit(ring), given_by(std::move(server)) {}
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  const SecretKey root;
  const KeyRing ring;
  RootFit fit;
  const std::string given_by;  // the first server whose slots hold it
};
using Candidates = std::list<Candidate>;

// What the slots hold for this secret.
struct InSlots {
  Candidates candidates;
  Asked asked;
  bool any = false;  // slots for such a secret
};
task<InSlots> open_slots(RecoveryParts parts, const RecoverySource& source) {
  InSlots out;
  std::set<Digest> tried;  // both servers have the same ones
  std::vector<Buffer> slots;
  Servers::Work fetch = [&](VaultPort& vault) -> task<void> { slots = co_await vault.slots(); };
  std::function<void(const std::string&)> then = [&](const std::string& server) {
    std::erase_if(slots, [&](const Buffer& slot) { return !tried.insert(sha256(slot)).second; });
    OpenedSlots opened = open(slots, source);
    out.any = out.any || opened.any;
    if (!opened.passed_over.empty()) parts.reporter.note("key slots of " + server + " that were passed over: " + opened.passed_over);
    for (auto& root : opened.roots) {
      const bool known = std::any_of(out.candidates.begin(), out.candidates.end(), [&](const Candidate& c) { return equal(c.root.view(), root.view()); });
      if (!known) out.candidates.emplace_back(std::move(root), server);
    }
  };
  out.asked = co_await at_each_server(parts, std::move(fetch), std::move(then));
  co_return out;
}

// What the servers show of this agent's, held against the candidates.  No server has to answer.
struct Shown {
  Asked asked;
  bool any = false;  // something that the agent is said to have saved, by which a key could be known
};
task<Shown> hold_against_servers(RecoveryParts parts, Candidates& candidates) {
  Shown out;
  FitTrust trust;
  trust.owner = owner_in(parts.state.identity());
  trust.roots = parts.roots;
  trust.pair = ids_of(parts.servers.pair());
  std::vector<RootFit*> keys;
  for (auto& c : candidates) keys.push_back(&c.fit);
  Servers::Work look = [&](VaultPort& vault) -> task<void> {
    const bool any = co_await look_for_fit(vault, trust, keys);
    out.any = out.any || any;
  };
  std::function<void(const std::string&)> then = [](const std::string&) {};
  try {
    out.asked = co_await at_each_server(parts, std::move(look), std::move(then));
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::cancelled) throw;
    out.asked.silent = f.what();
  }
  co_return out;
}

// Of those that fit.  More than one does where a server, or somebody who had the agent's key, has saved something under a key of his own: he cannot make the
// other server acknowledge it, or come before what the agent had saved by then.  Null: none can be told from the other.
const Candidate* best_of(const std::vector<const Candidate*>& fitting) {
  const auto rank = [](const Candidate* c) { return std::pair(c->fit.is_protected, c->fit.fits_at.size()); };
  const Candidate* best = fitting.front();
  for (auto* c : fitting)
    if (rank(c) > rank(best) || (rank(c) == rank(best) && c->fit.fits_at == best->fit.fits_at && c->fit.first < best->fit.first)) best = c;
  const bool unclear = std::any_of(fitting.begin(), fitting.end(), [&](auto* c) { return rank(c) == rank(best) && c->fit.fits_at != best->fit.fits_at; });
  return unclear ? nullptr : best;
}

std::string those_that_fit_nothing(const Candidates& candidates) {
  std::map<std::string, std::size_t> counts;
  for (auto& c : candidates)
    if (!c.fit.any()) ++counts[c.given_by];
  std::string out;
  for (auto& [server, count] : counts) out += (out.empty() ? "" : ", ") + std::to_string(count) + " of " + server;
  return out;
}

// Opening is not enough (KEYS.md §3): the key that fits what the agent has saved.  `proven_only`: another key would be replaced.
task<SecretKey> search(RecoveryParts parts, const RecoverySource& source, bool proven_only) {
  const std::string doing = "recovering the root key: ";
  InSlots found = co_await open_slots(parts, source);
  const std::string other_ways = source.escrow ? " (is it the organisation's present key? else use the passphrase or the printed recovery key)" : " (is it typed rightly? else use the printed recovery key)";
  const std::string where = found.asked.heard;
  if (!found.any) throw failure(Errc::not_found, doing + "there is no key slot for the " + (source.escrow ? "escrow key" : "passphrase") + " on " + where + found.asked.not_asked() + other_ways);
  if (found.candidates.empty()) throw failure(Errc::bad_secret, doing + "none of the key slots on " + where + " opens" + found.asked.not_asked() + other_ways);

  const Shown shown = co_await hold_against_servers(parts, found.candidates);
  const std::string rest = shown.asked.silent.empty() ? found.asked.not_asked() : shown.asked.not_asked();
  std::vector<const Candidate*> fitting;
  for (auto& c : found.candidates)
    if (c.fit.any()) fitting.push_back(&c);
  if (fitting.empty() && (shown.any || proven_only)) {
    throw failure(Errc::bad_secret, doing + "key slots open (" + those_that_fit_nothing(found.candidates) + "), but none of them holds the key of what this agent has saved" + rest +
                                        " (a server that was not asked may have the right one: try again later, or use the printed recovery key)");
  }
  if (fitting.empty()) {
    std::string note = "nothing could prove that the root key in the key slot of " + found.candidates.front().given_by + " is this agent's: it has saved nothing that was shown (asked: " +
                       (shown.asked.heard.empty() ? "nobody" : shown.asked.heard) + rest + ")";
    if (found.candidates.size() > 1) note += ". The key slots hold different root keys: the oldest is used; somebody with the agent's key or a server has added the others";
    parts.reporter.note(note);
    co_return found.candidates.front().root.copy();
  }
  if (fitting.size() < found.candidates.size())
    parts.reporter.note("key slots that open, but do not hold the key of what this agent has saved, were passed over: " + those_that_fit_nothing(found.candidates));
  const Candidate* best = best_of(fitting);
  if (!best) throw failure(Errc::identity, doing + "the servers show what was saved with different root keys, and nothing that both have acknowledged: one of them lies. Use the printed recovery key, or ask the operators");
  if (fitting.size() > 1)
    parts.reporter.note("something was saved for this agent with " + std::to_string(fitting.size()) + " different root keys. The one is used of what both servers have acknowledged, or of the oldest; somebody with the agent's key or a server has added the others: ask the operators");
  co_return best->root.copy();
}

// The paper names the agent, and its checksum finds what is mistyped.  So servers alone cannot make it count for nothing; but they can keep it from replacing a key.
task<SecretKey> of_paper(RecoveryParts parts, const RecoverySource& source, bool proven_only) {
  Candidates one;
  one.emplace_back(source.sheet->root.copy(), "the paper");
  const Shown shown = co_await hold_against_servers(parts, one);
  const bool fits = one.front().fit.any();
  if (!fits && proven_only)
    throw failure(Errc::identity, "recovering the root key: this machine's root key is not the key of what this agent has saved, and the paper's is not either; nothing was changed" + shown.asked.not_asked());
  if (!fits && shown.any)
    parts.reporter.note("the paper's root key is not the key of what " + shown.asked.heard + " show of this agent. It is used, for servers may lie; if farkeep snapshots does not show what there should be, look for another paper" +
                        shown.asked.not_asked());
  co_return source.sheet->root.copy();
}

}  // namespace

std::string problem_of_identity(const AgentState& state) {
  if (!has_directory(state)) return "reading the address directory in " + state.folder() + " (" + state.how_to_recover() + ")";
  try {
    (void)AgentCredentials::load(state);
  } catch (const failure& f) {
    switch (classify(f.code())) {
      case Errc::damaged:
      case Errc::malformed:
      case Errc::identity: return f.what();
      default: throw;
    }
  }
  return {};
}

bool has_expired(const AgentState& state, WallTime now) { return AgentCredentials::load(state, now).chain.front().not_after() < now; }

RecoveryStage recovery_stage(const AgentState& state, const AgentId& agent, const std::optional<RecoveryKey>& sheet) {
  if (sheet && sheet->agent != agent) throw failure(Errc::usage, "the recovery key is that of agent " + sheet->agent.hex() + ", not of " + agent.hex());
  if (!state.registered() || !problem_of_identity(state).empty()) return RecoveryStage::identity;
  const KeyOwner owner = owner_in(state.identity());
  if (owner.agent != agent)
    throw failure(Errc::usage, "this machine is agent " + owner.agent.hex() + " already; recovering another would replace its keys (move " + state.folder() + " away first)");
  if (!state.has_root_key()) return RecoveryStage::root_key;
  return sheet && !equal(sheet->root.view(), state.root_key().view()) ? RecoveryStage::other_key : RecoveryStage::done;
}

bool keeps_root_key(AgentState& state, const AgentId& agent, const std::optional<RecoveryKey>& sheet) {
  const auto owner = state.root_key_owner();
  if (!owner || owner->agent != agent) return false;
  if (!sheet) return true;
  auto bytes = read_file(state.disk(), state.folder() + "/root.key", kMaxRootKeyFile);
  const auto file = parse_key_file(bytes ? ByteView{*bytes} : ByteView{});
  if (bytes) wipe(*bytes);
  if (file && equal(file->root.view(), sheet->root.view())) return true;
  state.begin_history(*owner);  // it stays: where an older version wrote this folder, the key alone says whose it is
  state.put_root_key_aside();
  return false;
}

task<RecoveryStage> checked_stage(RecoveryParts parts, RecoveryStage stage) {
  if (stage != RecoveryStage::done && stage != RecoveryStage::other_key) co_return stage;
  Candidates here;
  here.emplace_back(parts.state.root_key(), "this machine");
  const Shown shown = co_await hold_against_servers(parts, here);
  if (shown.any && !here.front().fit.any()) {
    parts.reporter.note("nothing that " + shown.asked.heard + " show of this agent was made with this machine's root key: the right one is looked for, and this one stays until that is found" + shown.asked.not_asked());
    co_return RecoveryStage::wrong_key;
  }
  if (stage == RecoveryStage::other_key)
    throw failure(Errc::identity, "this machine has another root key than the paper; nothing was changed (move " + parts.state.folder() + " away first if the paper is the right one)" + shown.asked.not_asked());
  co_return stage;
}

task<void> recover_root_key(RecoveryParts parts, RecoverySource source) {
  const KeyOwner owner = owner_in(parts.state.identity());
  if (source.sheet && (source.sheet->agent != owner.agent || source.sheet->account != owner.account))
    throw failure(Errc::identity, "recovering the root key: the recovery key is that of another agent (" + source.sheet->agent.hex() + ")");
  const bool proven_only = parts.state.has_root_key();
  task<SecretKey> finding = source.sheet ? of_paper(parts, source, proven_only) : search(parts, source, proven_only);
  const SecretKey root = co_await std::move(finding);
  parts.state.put_root_key_aside();
  parts.state.set_root_key(root, owner);
}

// The snapshot that the next one follows stays the newest that is known.
task<std::uint64_t> renew_last_given(HeadParts parts) {
  if (parts.state.readable_given()) co_return 0;
  const std::vector<HeadLook> looks = co_await look_at_heads(parts, std::chrono::seconds{30});
  if (std::none_of(looks.begin(), looks.end(), [](const HeadLook& l) { return l.answered && !l.alarm; })) {
    std::string why;
    for (auto& l : looks) why += (why.empty() ? "" : "; ") + l.problem;
    const bool alarmed = std::any_of(looks.begin(), looks.end(), [](const HeadLook& l) { return l.alarm; });
    throw failure(alarmed ? Errc::rollback : Errc::unreachable, "asking the servers for this machine's newest snapshot, from which its numbers go on: " + why);
  }
  const Head newest = Heads(parts.state).newest_seen();
  const AgentState::Given given{newest.sequence + kNumbersLeftOut, newest.id};
  parts.state.set_last_given(given);
  co_return given.sequence;
}

}  // namespace farkeep
