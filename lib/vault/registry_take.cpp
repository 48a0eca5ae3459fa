#include <algorithm>
#include <limits>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "base/valid_text.hpp"
#include "crypto/authority.hpp"
#include "vault/names.hpp"
#include "vault/registration.hpp"
#include "vault/registry_entry.hpp"
#include "vault/registry_locked.hpp"
#include "wire/root_word.hpp"

// What the partner says, and what of it is believed.
namespace farkeep {
namespace {

constexpr auto kTellRefusals = std::chrono::minutes{1};  // a flood of them must not fill the log, nor make the disk busy

constexpr std::size_t kMaxWhy = 1024;  // what the partner's objectionable words may be quoted with

template <class Record>
std::optional<Record> parse_word(const wire::pb::RegistryEntry& entry) {
  if constexpr (std::is_same_v<Record, vault::pb::Account>) return parse_account(entry);
  else return parse_agent(entry);
}

const char* folder_of(const wire::pb::RegistryEntry& entry) { return entry.kind() == kAccountEntry ? "accounts" : "agents"; }

// An agent never changes its account: with another one its vault would be another.
bool is_same_thing(const vault::pb::Account&, const vault::pb::Account&) { return true; }
bool is_same_thing(const vault::pb::Agent& a, const vault::pb::Agent& b) { return a.account() == b.account(); }

bool is_proved(const vault::pb::Account&, const vault::pb::Account&) { return false; }
// The new key's owner signed with the recovery key that is known here, and nothing here speaks against it.
bool is_proved(const vault::pb::Agent& theirs, const vault::pb::Agent& holds) {
  if (holds.revoked() || theirs.key_size() != 1 || theirs.proof().empty()) return false;
  // As where it is recovered here: this server's own word must stay one that its partner takes, and gives back.
  if (static_cast<std::size_t>(holds.retired_key_size()) + static_cast<std::size_t>(holds.key_size()) > registry_limits::kMaxRetiredKeys) return false;
  auto const csr = CertificateRequest::from_der(as_bytes(theirs.proof_csr()));
  if (!csr || theirs.key(0) != as_text(csr->public_key().view())) return false;
  auto const among = [&](auto const& keys) { return std::find(keys.begin(), keys.end(), theirs.key(0)) != keys.end(); };
  if (among(holds.retired_key()) || among(holds.key())) return false;
  return proves_recovery(holds, theirs.proof_csr(), theirs.proof());
}

void follow_proof(vault::pb::Account&, const vault::pb::Account&, const vault::pb::Account&) {}
void follow_proof(vault::pb::Agent& word, const vault::pb::Agent& theirs, const vault::pb::Agent& holds) {
  for (auto const& key : holds.key())
    if (key != theirs.key(0)) word.add_retired_key(key);
  word.clear_key();
  word.add_key(theirs.key(0));
  word.set_proof_csr(theirs.proof_csr());
  word.set_proof(theirs.proof());
}

void tell_denial(const vault::pb::Account&, const vault::pb::Account&) {}
void tell_denial(const vault::pb::Agent& before, const vault::pb::Agent& after) {
  auto const id = hex(as_bytes(after.id()));
  if (!before.revoked() && after.revoked()) log_warning("the partner revoked agent {}; `farkeep-server agent admit` lifts it here", id);
  else if (before.key_size() > 0 && after.key_size() == 0)
    log_warning("the partner says that agent {} was recovered there, and its key here is refused from now on; `farkeep-server agent admit --recovered` takes the new key, "
                "`farkeep-server agent admit` keeps the old one", id);
}

}  // namespace

Registry::Taken Registry::refuse(const wire::pb::RegistryEntry& entry, const std::string& why) {
  auto const what = std::string{entry.kind() == kAccountEntry ? "account " : "agent "} + hex(as_bytes(std::string_view{entry.key()}.substr(0, AgentId::kSize)));
  std::uint64_t untold = 0;
  {
    std::lock_guard guard{damage_mutex_};
    ++refusals_untold_;
    auto const steady = clock_.steady();
    if (refusal_told_ != SteadyTime{} && steady - refusal_told_ < kTellRefusals) return Taken::refused;
    refusal_told_ = steady;
    untold = std::exchange(refusals_untold_, 0);
  }
  auto const text = "the partner's word on " + what + " was not taken: " + why;
  log_error("{} ({} refused since this was last told)", text, untold);
  try {
    auto told = refused().value_or(vault::pb::Refused{});
    told.set_last_ns(now());
    told.set_count(told.count() + untold);
    told.set_why(valid_text(text, kMaxWhy));
    save(folder_ + "/refused", told);
  } catch (const failure& f) {
    log_warning("noting what the partner said: {}", f.what());
  }
  return Taken::refused;
}

// Under the lock.  Counted once, and then with what comes.
Registry::OfPartner& Registry::of_partner() {
  if (of_partner_) return *of_partner_;
  OfPartner out;
  auto const count = [&](auto const& here) {
    if (!here.own || (!here.own->home().empty() && here.own->home() != self())) ++out.records;
    if (here.their_entry) out.long_bytes += long_bytes(*here.their_entry);
  };
  for (auto const& here : all_known<vault::pb::Account>()) count(here);
  for (auto const& here : all_known<vault::pb::Agent>()) count(here);
  return of_partner_.emplace(out);
}

// Under the lock.
bool Registry::may_come() {
  auto const steady = clock_.steady();
  auto const hours = std::chrono::duration<double, std::ratio<3600>>(steady - newcomers_at_).count();
  if (newcomers_at_ != SteadyTime{}) newcomers_ = std::min(newcomers_at_once_, newcomers_ + hours * newcomers_an_hour_);
  newcomers_at_ = steady;
  auto& brought = of_partner();
  if (newcomers_ < 1 || brought.records >= newcomers_in_all_) return false;
  newcomers_ -= 1;
  ++brought.records;
  return true;
}

// Under the lock: what the root took back, by the word that is stored now.
const Revocations& Registry::revoked() {
  if (auto bytes = root_word(); bytes != revoked_word_) {
    auto word = wire::stored_root_word(bytes, identity_->roots());
    revoked_ = word ? std::move(word->revoked) : Revocations{};
    revoked_word_ = std::move(bytes);
  }
  return revoked_;
}

Registry::Taken Registry::take(const wire::pb::RegistryEntry& entry) {
  EntryPage page;
  return take(entry, page);
}

Registry::Taken Registry::take(const wire::pb::RegistryEntry& as_sent, EntryPage& page) {
  auto const entry = only_fields(as_sent);
  if (entry.kind() == kAccountEntry) return take_as<vault::pb::Account>(entry, page);
  if (entry.kind() == kAgentEntry) return take_as<vault::pb::Agent>(entry, page);
  return Taken::unchanged;
}

// 1. may this author speak?  2. bounds  3. is it news?  4. the signature  5. what it means
template <class Record>
Registry::Taken Registry::take_as(const wire::pb::RegistryEntry& entry, EntryPage& page) {
  if (!page.partner) {
    auto const record = partner();
    page.partner = record ? record->server_id() : std::string{};
  }
  bool const mine = identity_ && entry.author() == self();
  bool const of_the_partner = !page.partner->empty() && entry.author() == *page.partner;
  if (!identity_ || (!mine && !of_the_partner)) return refuse(entry, "its author is no server of this pair");
  auto word = parse_word<Record>(entry);
  if (!word) return refuse(entry, "it does not parse, or is larger than it may be");

  Locked lock{*this};
  bool healing = false;
  std::optional<Known<Record>> here;
  try {
    here = known<Record>(entry.key());
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::damaged) throw;
    if (!may_be_replaced(path(folder_of(entry), as_bytes(entry.key())))) return Taken::unchanged;
    healing = true;
  }
  auto const* before = !here ? nullptr : mine ? (here->own_entry ? &*here->own_entry : nullptr) : (here->their_entry ? &*here->their_entry : nullptr);
  if (before && (before->version() > entry.version() || before->value() == entry.value())) return Taken::unchanged;
  if (before && before->version() == entry.version() && !mine) return refuse(entry, "it is another one than that with this number before");
  auto const most = before ? before->version() + registry_limits::kMostSteps : registry_limits::kHighestFirst;
  if (entry.version() > most && !(mine && before)) return refuse(entry, "its number is impossible");
  if (here && !is_same_thing(*word, settled(*here, self()))) return refuse(entry, "it is for another account than before");
  if (!here && !mine && word->home() != entry.author()) return refuse(entry, "nothing is known here of what it speaks of, and it was not made there");
  bool const made_there = here && !here->own && here->theirs->home() == here->their_entry->author();
  if (mine && made_there && word->home() == self()) return refuse(entry, "it says that this was made here, and it was made at the partner");
  if (!page.judge) page.judge.emplace(identity_->roots(), revoked());
  auto const said = page.judge->said_by(entry, clock_.wall());
  if (!said) return refuse(entry, "its signature, or the certificate behind it, does not hold");
  if (mine && (said->revoked_since || (before && !is_restored()))) return refuse_own<Record>(entry, here ? std::move(*here) : Known<Record>{}, said->revoked_since.has_value());
  if (entry.version() > most) return refuse(entry, "its number is impossible");
  if (said->revoked_since && WallTime{std::chrono::nanoseconds{entry.time_ns()}} >= *said->revoked_since) return refuse(entry, "the data centres' root took back the key that signed it");
  auto const longer = mine ? 0 : long_bytes(entry), before_longer = mine || !before ? 0 : long_bytes(*before);
  if (longer > before_longer && of_partner().long_bytes - before_longer + longer > registry_limits::kMostLongBytes)
    return refuse(entry, "long words of the partner have no more room");
  if (!here && !mine && !healing && !may_come()) return refuse(entry, "the partner brings in more than it may");
  if (healing) keep_damaged(folder_of(entry), entry.key());
  if (!mine) {
    auto& brought = of_partner().long_bytes;
    brought = brought - std::min(brought, before_longer) + longer;
  }
  return take_known<Record>(entry, std::move(*word), here ? std::move(*here) : Known<Record>{}, mine);
}

// This server said nothing of the kind: somebody has its key, or it forgot.  Only its operator knows which.  Where the root took the key back it is the
// first: then its present word is said again above that number, for the partner believed the other one.
template <class Record>
Registry::Taken Registry::refuse_own(const wire::pb::RegistryEntry& entry, Known<Record> here, bool by_revoked_key) {
  if (!by_revoked_key)
    return refuse(entry, "it is this server's own word, later than what this server knows that it said: either this data folder was restored from a backup, then "
                         "`farkeep-server registry take-back` takes such words; or somebody has this server's key, then `farkeep-server authority renew-server --revoke-old`");
  if (here.own && entry.version() < std::numeric_limits<std::uint64_t>::max() / 2) {
    auto word = *here.own;
    here.own->set_version(std::max<std::uint64_t>(here.own->version(), entry.version()));
    save_changed(here, std::move(word));
  }
  return refuse(entry, "it is signed with a key of this server that the data centres' root took back");
}

template <class Record>
Registry::Taken Registry::take_known(const wire::pb::RegistryEntry& entry, Record word, Known<Record> here, bool mine) {
  bool const first = !here.own && !here.theirs;
  auto const held = first ? Record{} : settled(here, self());
  if (!mine && here.own && here.own->set_aside()) return Taken::unchanged;
  if (mine) {
    // This server's own word comes back: it lost it, or an older state of it was put in its place.
    auto const ours = here.own;
    auto const both = ours ? united(word, *ours) : word;
    bool const as_it_came = both.SerializeAsString() == word.SerializeAsString();
    here.own_entry = entry;
    here.own = std::move(word);
    if (!as_it_came) say(here, both);
    log_warning("this server's own word on {} came back from the partner", hex(as_bytes(entry.key())));
  } else {
    here.their_entry = entry;
    here.theirs = std::move(word);
    bool const at_home = here.own && (here.own->home().empty() || here.own->home() == self());
    if (at_home && is_proved(*here.theirs, held)) {
      auto follows = *here.own;
      follow_proof(follows, *here.theirs, held);
      say(here, std::move(follows));
    }
    if (at_home) tell_denial(held, settled(here, self()));
  }
  save_known(entry.key(), here);
  bump();
  return Taken::changed;
}

// ---- reports and alarms

// Not an event that is counted: the partner, who sent it, has it.
template <class Message>
bool Registry::merge_newer(const std::string& file, const Message& theirs, std::int64_t time, std::int64_t (*time_of)(const Message&)) {
  if (time > now() + std::chrono::nanoseconds{registry_limits::kTimeAhead}.count()) return false;
  Locked lock{*this};
  auto const ours = load<Message>(file);
  if (ours && time_of(*ours) > time) return false;
  if (ours && time_of(*ours) == time && ours->SerializeAsString() >= theirs.SerializeAsString()) return false;
  save(file, theirs);
  return true;
}

// Both are built anew from their fields: what else came with them would only take room.
bool Registry::merge(const vault::pb::Told& theirs) {
  if (theirs.report().size() > limits::kMaxReport) return false;
  vault::pb::Told told;
  told.set_id(theirs.id());
  told.set_received_ns(theirs.received_ns());
  told.set_report(theirs.report());
  return merge_newer<vault::pb::Told>(path("told", as_bytes(told.id())), told, told.received_ns(), [](const vault::pb::Told& t) { return std::int64_t{t.received_ns()}; });
}

bool Registry::merge(const vault::pb::Alarm& theirs) {
  if (static_cast<std::size_t>(theirs.job_size()) > registry_limits::kMaxAlarmJobs) return false;
  vault::pb::Alarm alarm;
  alarm.set_id(theirs.id());
  alarm.set_changed_ns(theirs.changed_ns());
  alarm.set_two_machines(theirs.two_machines());
  for (auto const& job : theirs.job()) {
    if (printable_name(job, registry_limits::kMaxJobName) != job) return false;
    alarm.add_job(job);
  }
  return merge_newer<vault::pb::Alarm>(path("alarms", as_bytes(alarm.id())), alarm, alarm.changed_ns(), [](const vault::pb::Alarm& a) { return std::int64_t{a.changed_ns()}; });
}

}  // namespace farkeep
