#include "vault/registry.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "platform/unreadable.hpp"
#include "vault/identity.hpp"
#include "vault/names.hpp"
#include "vault/registry_file.hpp"
#include "vault/registry_locked.hpp"
#include "wire/refusal.hpp"

namespace farkeep {
namespace {

using registry_limits::kMaxAgentName, registry_limits::kMaxAccountName, registry_limits::kMaxFile;
constexpr std::uint32_t kMaxUses = 10000;
constexpr auto kUnreadableFor = std::chrono::minutes{10};  // a cable, a controller, a file system that is mounted anew

bool contains(const google::protobuf::RepeatedPtrField<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(), [&](auto const& one) { return one == value; });
}

}  // namespace

Registry::Registry(Disk& disk, const Clock& clock, Random& random, std::string folder)
    : disk_(disk), clock_(clock), random_(random), folder_(std::move(folder)) {
  for (auto const* kind : {"accounts", "agents", "tokens", "seen", "told", "alarms"}) disk_.make_folders(folder_ + "/" + kind);
}

// ---- files

std::string Registry::path(std::string_view kind, ByteView id) const { return folder_ + "/" + std::string{kind} + "/" + hex(id); }

// Once for each file: whoever asks again and again would fill the log.
void Registry::note_damage(const std::string& file, const char* what) {
  std::lock_guard guard{damage_mutex_};
  met_damage_ = true;
  if (damage_.insert(file).second) log_error("{} is damaged: {}; {}", file, what, what_helps(std::string_view{file}.substr(folder_.size() + 1)));
}

void Registry::note_whole(const std::string& file) {
  std::lock_guard guard{damage_mutex_};
  damage_.erase(file);
}

std::optional<Buffer> Registry::read(const std::string& file) {
  try {
    auto bytes = read_file(disk_, file, kMaxFile);
    std::lock_guard guard{damage_mutex_};
    unreadable_.erase(file);
    return bytes;
  } catch (const failure& f) {
    if (!is_unreadable(f.code())) throw;
    note_damage(file, f.what());
    std::lock_guard guard{damage_mutex_};
    unreadable_.try_emplace(file, clock_.steady());
    throw failure(Errc::damaged, f.what());
  }
}

// What the disk did not give a moment ago may be whole, and newer than what the partner has of it.
bool Registry::may_be_replaced(const std::string& file) {
  std::lock_guard guard{damage_mutex_};
  auto const since = unreadable_.find(file);
  return since == unreadable_.end() || clock_.steady() - since->second >= kUnreadableFor;
}

void Registry::keep_damaged(const std::string& kind, const std::string& id) {
  disk_.make_folders(folder_ + "/damaged");
  disk_.rename(path(kind, as_bytes(id)), folder_ + "/damaged/" + kind + "-" + hex(as_bytes(id)));
  disk_.sync_folder(folder_ + "/damaged");
  disk_.sync_folder(folder_ + "/" + kind);
}

template <class Message>
std::optional<Message> Registry::must_load(const std::string& file) {
  auto const bytes = read(file);
  if (!bytes) return std::nullopt;
  auto const payload = registry_payload(*bytes);
  Message message;
  if (payload && message.ParseFromArray(payload->bytes.data(), static_cast<int>(payload->bytes.size()))) {
    note_whole(file);
    return message;
  }
  note_damage(file, payload ? "it does not parse" : "its checksum is wrong");
  throw failure(Errc::damaged, "reading " + file + ": it is damaged; " + what_helps(std::string_view{file}.substr(folder_.size() + 1)));
}

template <class Message>
std::optional<Message> Registry::load(const std::string& file) {
  try {
    return must_load<Message>(file);
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::damaged) throw;
    return std::nullopt;
  }
}

template <class Message>
void Registry::save(const std::string& file, const Message& message) {
  write_file_atomically(disk_, file, registry_file(as_bytes(message.SerializeAsString())));
  std::lock_guard guard{damage_mutex_};
  damage_.erase(file);
}

std::set<std::string> Registry::met_damaged() {
  std::lock_guard guard{damage_mutex_};
  std::set<std::string> out;
  for (auto const& file : damage_) out.insert(file.substr(folder_.size() + 1));
  return out;
}

void Registry::meet_damaged(const std::set<std::string>& names) {
  for (auto const& name : names) {
    auto const file = folder_ + "/" + name;
    std::optional<Buffer> bytes;
    try {
      bytes = read(file);
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::damaged) throw;  // else it is noted
    }
    if (bytes && !registry_payload(*bytes)) note_damage(file, "its checksum is wrong");
  }
}

bool Registry::take_met_damage() {
  std::lock_guard guard{damage_mutex_};
  return std::exchange(met_damage_, false);
}

// Never a number that it had before, even after rot: sessions know by it that nothing changed since they were judged.
void Registry::bump() {
  auto const next = std::max(generation() + 1, static_cast<std::uint64_t>(now()));
  write_file_atomically(disk_, folder_ + "/generation", as_bytes(std::to_string(next)));
}

// One that cannot be read counts as none: the next change replaces it with a higher one.
std::uint64_t Registry::generation() {
  std::optional<Buffer> text;
  try {
    text = read(folder_ + "/generation");
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::damaged) throw;
  }
  return text ? std::strtoull(to_string(*text).c_str(), nullptr, 10) : 0;
}

// ---- accounts

vault::pb::Account Registry::add_account(std::string_view name, std::uint64_t quota_bytes) {
  if (name.empty() || name.size() > kMaxAccountName || printable_name(name, kMaxAccountName) != name)
    throw failure(Errc::usage, "adding an account: its name must have 1 to 64 printable bytes");
  Locked lock{*this};
  for (auto const& one : accounts())
    if (one.name() == name) throw failure(Errc::exists, "adding account \"" + std::string{name} + "\"");
  vault::pb::Account account;
  account.set_id(to_string(random_.id<AccountId>().view()));
  account.set_name(std::string{name});
  account.set_created_ns(now());
  account.set_quota_bytes(quota_bytes);
  account.set_home(self());
  Known<vault::pb::Account> fresh;
  save_changed(fresh, std::move(account));
  return *fresh.own;
}

std::optional<vault::pb::Account> Registry::account_named(std::string_view name) {
  for (auto& one : accounts())
    if (one.name() == name) return std::move(one);
  return std::nullopt;
}

// ---- tokens

Secret<32> Registry::create_token(const TokenOrder& order) {
  if (order.uses == 0 || order.uses > kMaxUses) throw failure(Errc::usage, "creating a token: it may be used 1 to 10,000 times");
  if (order.valid <= std::chrono::nanoseconds{0}) throw failure(Errc::usage, "creating a token: it must be valid for some time");
  bool const enrol = order.purpose == vault::pb::Token::ENROL;
  if (enrol && !account(order.account)) throw failure(Errc::not_found, "creating a token: account " + order.account.hex());
  if (order.recover) {
    auto const known = agent(*order.recover);
    if (!known || known->account() != as_text(order.account.view()))
      throw failure(Errc::not_found, "creating a token: this account has no agent " + order.recover->hex());
    if (known->revoked() && !order.admits)
      throw failure(Errc::usage, "creating a token: agent " + order.recover->hex() + " is revoked, so a recovery alone does not let it in; --admit makes a token that does");
  }
  auto token = random_.secret<32>();
  vault::pb::Token record;
  record.set_purpose(order.purpose);
  if (enrol) record.set_account(to_string(order.account.view()));
  record.set_created_ns(now());
  record.set_expires_ns(now() + order.valid.count());
  record.set_uses(order.recover ? 1 : order.uses);
  record.set_admits(order.recover && order.admits);
  if (order.recover) record.set_recover_agent(to_string(order.recover->view()));
  save(path("tokens", sha256(token.view()).view()), record);
  return token;
}

// The file of a token that may be used now, and its record.  A token is only ever looked up by its SHA-256, never compared
// byte by byte: how long that takes tells nothing about a token that exists.
std::pair<std::string, vault::pb::Token> Registry::usable_token(std::string_view token, vault::pb::Token::Purpose purpose) {
  auto const file = path("tokens", sha256(as_bytes(token)).view());
  auto record = must_load<vault::pb::Token>(file);
  if (!record || record->purpose() != purpose)
    throw failure(Errc::bad_token, "this server has not issued this token: it is valid only where it was created; check that it was copied whole");
  if (record->expires_ns() < now())
    throw failure(Errc::bad_token, "the token expired at " + rfc3339(WallTime{std::chrono::nanoseconds{record->expires_ns()}}) + ": ask for a new one");
  return {file, std::move(*record)};
}

// ---- agents

// A use of a token is written together with the agent that came of it; this makes the agent's own file of it.  Done right
// after, or, when a crash came between, before the token or the agent is looked at again.
void Registry::finish_pending(vault::pb::Token& token) {
  if (!token.has_pending()) return;
  auto const here = known<vault::pb::Agent>(token.pending().id());
  if (!here || !here->own || here->own->version() < token.pending().version()) save_word(token.pending());
}

// The agent as this server now says, with the new key.  What was taken from it (revoked, retired keys) stays so, but for the administrator's
// word in a token.
vault::pb::Agent Registry::recovered(const AgentId& id, const Enrolment& enrolment, bool admits) {
  auto const here = known<vault::pb::Agent>(to_string(id.view()));
  if (!here) throw wire::Refusal(Errc::not_found, "recovering agent " + id.hex() + ": this server does not know it", std::chrono::seconds{0});
  auto const now_holds = settled(*here, self());
  if (now_holds.revoked() && !admits)
    throw failure(Errc::unauthorised, "recovering agent " + id.hex() + ": it was revoked; this takes a token that the administrator made with --recover and --admit");
  if (contains(now_holds.retired_key(), enrolment.key) || (here->theirs && contains(here->theirs->retired_key(), enrolment.key)))
    throw failure(Errc::unauthorised, "recovering agent " + id.hex() + ": this key was replaced by a recovery and is never taken again; come with a new one");
  auto word = own_word(*here, self());
  // All that it has anywhere: what the partner alone vouches for, too.
  auto const retire = [&](auto const& keys) {
    for (auto const& key : keys)
      if (key != enrolment.key && !contains(word.retired_key(), key)) word.add_retired_key(key);
  };
  retire(now_holds.key());
  if (here->theirs) retire(here->theirs->key());
  if (static_cast<std::size_t>(word.retired_key_size()) > registry_limits::kMaxRetiredKeys)
    throw failure(Errc::quota, "recovering agent " + id.hex() + ": it was recovered a thousand times; register a new one");
  word.clear_key();
  word.add_key(enrolment.key);
  word.set_proof_csr(enrolment.recovery_csr);
  word.set_proof(enrolment.recovery_signature);
  if (admits) {
    word.set_revoked(false);
    if (here->theirs) word.set_admitted_over(here->theirs->version());
  }
  word.set_version(word.version() + 1);
  return word;
}

vault::pb::Agent Registry::enrol(const Enrolment& enrolment) {
  Locked lock{*this};
  if (enrolment.recover && enrolment.recovery_proved && enrolment.token.empty()) {
    auto agent_record = recovered(*enrolment.recover, enrolment, false);
    save_word(agent_record);
    return agent_record;
  }

  auto [file, token] = usable_token(enrolment.token, vault::pb::Token::ENROL);
  finish_pending(token);
  for (auto const& use : token.use()) {
    if (use.key() != enrolment.key) continue;
    auto there = agent(AgentId::from(use.id()).value_or(AgentId{}));
    if (!there) continue;
    if (there->revoked() || !contains(there->key(), enrolment.key))
      throw failure(Errc::unauthorised, "registering: this key is not that of agent " + hex(as_bytes(there->id())) + " any more, or the agent was revoked");
    return *there;
  }
  auto const for_agent = AgentId::from(token.recover_agent());
  if (enrolment.recover != for_agent && (for_agent || enrolment.recover))
    throw failure(Errc::bad_token, enrolment.recover ? "the token does not hand over agent " + enrolment.recover->hex() + ": ask for one made with --recover"
                                                     : "the token is for the recovery of agent " + for_agent->hex() + " only");
  if (static_cast<std::uint32_t>(token.use_size()) >= token.uses())
    throw failure(Errc::bad_token, "the token is used up: ask for a new one");

  vault::pb::Agent agent_record;
  if (for_agent) {
    agent_record = recovered(*for_agent, enrolment, token.admits());
    agent_record.set_recovery_key(enrolment.recovery_key);  // whoever had the old machine may know the old one
  } else {
    agent_record.set_id(to_string(random_.id<AgentId>().view()));
    agent_record.set_account(token.account());
    agent_record.set_name(printable_name(enrolment.name, kMaxAgentName));
    agent_record.set_created_ns(now());
    agent_record.add_key(enrolment.key);
    agent_record.set_recovery_key(enrolment.recovery_key);
    agent_record.set_home(self());
    agent_record.set_version(1);
  }
  auto* use = token.add_use();
  use->set_key(enrolment.key);
  use->set_id(agent_record.id());
  use->set_time_ns(now());
  *token.mutable_pending() = agent_record;
  save(file, token);  // the one durable step
  finish_pending(token);
  return agent_record;
}

// An id is public: who asks again proves by the key that it is the one who asked before.
void Registry::accept_invitation(std::string_view token, const ServerId& joining, const std::string& key) {
  Locked lock{*this};
  auto [file, record] = usable_token(token, vault::pb::Token::INVITE);
  for (auto const& use : record.use()) {
    if (use.id() != as_text(joining.view()) || use.key() != key) continue;
    for (auto const& name : disk_.list(folder_ + "/tokens")) {
      auto const other = is_temporary_name(name) ? std::nullopt : load<vault::pb::Token>(folder_ + "/tokens/" + name);
      if (!other || other->purpose() != vault::pb::Token::INVITE) continue;
      for (auto const& later : other->use())
        if (later.time_ns() > use.time_ns()) throw failure(Errc::bad_token, "another server has joined since this invitation was used: make a new one");
    }
    return;
  }
  if (static_cast<std::uint32_t>(record.use_size()) >= record.uses())
    throw failure(Errc::bad_token, "the invitation was used by another server: make a new one");
  auto* use = record.add_use();
  use->set_key(key);
  use->set_id(to_string(joining.view()));
  use->set_time_ns(now());
  save(file, record);
}

// ---- what people were told

void Registry::set_alarms(const std::vector<vault::pb::Alarm>& alarms) {
  Locked lock{*this};
  for (auto const& alarm : alarms) save(path("alarms", as_bytes(alarm.id())), alarm);
  bump();
}
std::optional<vault::pb::Alarm> Registry::alarm(const AgentId& id) { return load<vault::pb::Alarm>(path("alarms", id.view())); }
void Registry::change_alarm_watch(const std::function<void(vault::pb::AlarmWatch&)>& change) {
  std::lock_guard guard{watch_mutex_};
  auto const before = alarm_watch();
  auto watch = before.value_or(vault::pb::AlarmWatch{});
  change(watch);
  if (before && watch.SerializeAsString() == before->SerializeAsString()) return;
  save(folder_ + "/watch", watch);
}
std::optional<vault::pb::AlarmWatch> Registry::alarm_watch() { return load<vault::pb::AlarmWatch>(folder_ + "/watch"); }

// ---- the pair

// Twice: without it this server would take itself for a lonely one.
std::optional<vault::pb::Partner> Registry::partner() {
  try {
    auto first = must_load<vault::pb::Partner>(folder_ + "/partner");
    return first ? first : load<vault::pb::Partner>(folder_ + "/partner.copy");
  } catch (const failure& f) {
    auto second = load<vault::pb::Partner>(folder_ + "/partner.copy");
    if (!second) throw;
    return second;
  }
}
void Registry::set_partner(const vault::pb::Partner& partner) {
  Locked lock{*this};
  save(folder_ + "/partner.copy", partner);
  save(folder_ + "/partner", partner);
  of_partner_.reset();
  bump();
}
std::optional<vault::pb::MirrorState> Registry::mirror_state() { return load<vault::pb::MirrorState>(folder_ + "/mirror"); }
void Registry::set_mirror_state(const vault::pb::MirrorState& state) { save(folder_ + "/mirror", state); }
std::optional<vault::pb::TurnedAway> Registry::turned_away() { return load<vault::pb::TurnedAway>(folder_ + "/turned_away"); }
void Registry::set_turned_away(const vault::pb::TurnedAway& counts) { save(folder_ + "/turned_away", counts); }

std::optional<vault::pb::Refused> Registry::refused() { return load<vault::pb::Refused>(folder_ + "/refused"); }

// For registry_take.cpp.
template std::optional<vault::pb::Refused> Registry::load(const std::string&);
template std::optional<vault::pb::Alarm> Registry::load(const std::string&);
template void Registry::save(const std::string&, const vault::pb::Refused&);
template void Registry::save(const std::string&, const vault::pb::Restored&);
template std::optional<vault::pb::Restored> Registry::load(const std::string&);
template void Registry::save(const std::string&, const vault::pb::Told&);
template void Registry::save(const std::string&, const vault::pb::Alarm&);

// For registry_visits.cpp.
void Registry::save_told(const vault::pb::Told& told) {
  Locked lock{*this};
  save(path("told", as_bytes(told.id())), told);
}
template std::optional<vault::pb::Seen> Registry::load(const std::string&);
template std::optional<vault::pb::Told> Registry::load(const std::string&);
template void Registry::save(const std::string&, const vault::pb::Seen&);

}  // namespace farkeep
