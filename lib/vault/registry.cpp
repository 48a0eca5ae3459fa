#include "vault/registry.hpp"

#include <algorithm>
#include <thread>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "vault/names.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMaxRecordFile = 4 * limits::kMiB;  // a token with 10,000 uses is the largest: under 1 MiB
constexpr std::size_t kMaxAgentName = 128, kMaxAccountName = 64;
constexpr std::uint32_t kMaxUses = 10000;
constexpr int kLockTries = 600;  // three seconds: every holder needs milliseconds
constexpr auto kLockPause = std::chrono::milliseconds{5};

AgentId agent_id(const vault::pb::Agent& agent) { return AgentId::from(agent.id()).value_or(AgentId{}); }

[[maybe_unused]] bool contains(const google::protobuf::RepeatedPtrField<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(), [&](auto const& one) { return one == value; });
}

}  // namespace

// The lock file, between processes; the mutex, between our threads.
class Registry::Locked {
 public:
  explicit Locked(Registry& registry) : guard_(registry.mutex_) {
    auto const path = registry.folder_ + "/lock";
    for (int i = 0; i < kLockTries; ++i) {
      lock_ = registry.disk_.lock(path);
      if (lock_) return;
      std::this_thread::sleep_for(kLockPause);
    }
    throw failure(Errc::busy, "changing the registry: " + path + " is held by another process; try again, and if it stays so, look for a hanging farkeep-server");
  }

 private:
  std::lock_guard<std::mutex> guard_;
  std::unique_ptr<DiskLock> lock_;
};

Registry::Registry(Disk& disk, const Clock& clock, Random& random, std::string folder)
    : disk_(disk), clock_(clock), random_(random), folder_(std::move(folder)) {
  for (auto const* kind : {"accounts", "agents", "tokens", "seen", "told", "alarms"}) disk_.make_folders(folder_ + "/" + kind);
}

// ---- files

std::string Registry::path(std::string_view kind, ByteView id) const { return folder_ + "/" + std::string{kind} + "/" + hex(id); }

template <class Message>
std::optional<Message> Registry::load(const std::string& path) {
  auto const bytes = read_file(disk_, path, kMaxRecordFile);
  if (!bytes) return std::nullopt;
  Message message;
  if (!message.ParseFromArray(bytes->data(), static_cast<int>(bytes->size())))
    throw failure(Errc::damaged, "reading " + path + ": it does not parse; take this file from a backup of the data folder");
  return message;
}

template <class Message>
std::vector<Message> Registry::load_all(const std::string& kind) {
  std::vector<Message> out;
  for (auto const& name : disk_.list(folder_ + "/" + kind)) {
    if (is_temporary_name(name)) continue;
    if (auto one = load<Message>(folder_ + "/" + kind + "/" + name)) out.push_back(std::move(*one));
  }
  return out;
}

template <class Message>
void Registry::save(const std::string& path, const Message& message) {
  write_file_atomically(disk_, path, as_bytes(message.SerializeAsString()));
}

void Registry::save_changed(const vault::pb::Account& account) {
  save(path("accounts", as_bytes(account.id())), account);
  bump();
}

void Registry::save_changed(const vault::pb::Agent& agent) {
  save(path("agents", as_bytes(agent.id())), agent);
  bump();
}

void Registry::bump() {
  write_file_atomically(disk_, folder_ + "/generation", as_bytes(std::to_string(generation() + 1)));
}

std::uint64_t Registry::generation() {
  auto const text = read_file(disk_, folder_ + "/generation", 32);
  return text ? std::strtoull(to_string(*text).c_str(), nullptr, 10) : 0;
}

// ---- accounts

vault::pb::Account Registry::add_account(std::string_view name, std::uint64_t quota_bytes) {
  if (name.empty() || name.size() > kMaxAccountName || printable_name(name, kMaxAccountName) != name)
    throw failure(Errc::usage, "adding an account: its name must have 1 to 64 printable bytes");
  Locked lock{*this};
  for (auto const& known : accounts())
    if (known.name() == name) throw failure(Errc::exists, "adding account \"" + std::string{name} + "\"");
  vault::pb::Account account;
  account.set_id(to_string(random_.id<AccountId>().view()));
  account.set_name(std::string{name});
  account.set_created_ns(now());
  account.set_quota_bytes(quota_bytes);
  account.set_version(1);
  save_changed(account);
  return account;
}

std::vector<vault::pb::Account> Registry::accounts() { return load_all<vault::pb::Account>("accounts"); }

std::optional<vault::pb::Account> Registry::account(const AccountId& id) { return load<vault::pb::Account>(path("accounts", id.view())); }

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
  }
  auto token = random_.secret<32>();
  vault::pb::Token record;
  record.set_purpose(order.purpose);
  if (enrol) record.set_account(to_string(order.account.view()));
  record.set_created_ns(now());
  record.set_expires_ns(now() + order.valid.count());
  record.set_uses(order.recover ? 1 : order.uses);
  if (order.recover) record.set_recover_agent(to_string(order.recover->view()));
  save(path("tokens", sha256(token.view()).view()), record);
  return token;
}

// The file of a token that may be used now, and its record.  A token is only ever looked up by its SHA-256, never compared
// byte by byte: how long that takes tells nothing about a token that exists.
std::pair<std::string, vault::pb::Token> Registry::usable_token(std::string_view token, vault::pb::Token::Purpose purpose) {
  auto const file = path("tokens", sha256(as_bytes(token)).view());
  auto record = load<vault::pb::Token>(file);
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
  auto const known = agent(agent_id(token.pending()));
  if (!known || known->version() < token.pending().version()) save_changed(token.pending());
}

vault::pb::Agent Registry::recovered(const AgentId& id, const Enrolment& enrolment) {
  auto agent_record = agent(id);
  if (!agent_record) throw failure(Errc::not_found, "recovering agent " + id.hex() + ": this server does not know it");
  for (auto const& key : agent_record->key())
    if (key != enrolment.key) agent_record->add_retired_key(key);
  agent_record->clear_key();
  agent_record->add_key(enrolment.key);
  agent_record->set_revoked(false);
  agent_record->set_version(agent_record->version() + 1);
  return *agent_record;
}

vault::pb::Agent Registry::enrol(const Enrolment& enrolment) {
  Locked lock{*this};
  if (enrolment.recover && enrolment.recovery_proved) {
    auto agent_record = recovered(*enrolment.recover, enrolment);
    save_changed(agent_record);
    return agent_record;
  }

  auto [file, token] = usable_token(enrolment.token, vault::pb::Token::ENROL);
  finish_pending(token);
  for (auto const& use : token.use()) {
    if (use.key() != enrolment.key) continue;
    if (auto known = agent(AgentId::from(use.id()).value_or(AgentId{}))) return *known;
  }
  auto const for_agent = AgentId::from(token.recover_agent());
  if (enrolment.recover != for_agent && (for_agent || enrolment.recover))
    throw failure(Errc::bad_token, enrolment.recover ? "the token does not hand over agent " + enrolment.recover->hex() + ": ask for one made with --recover"
                                                     : "the token is for the recovery of agent " + for_agent->hex() + " only");
  if (static_cast<std::uint32_t>(token.use_size()) >= token.uses())
    throw failure(Errc::bad_token, "the token is used up: ask for a new one");

  vault::pb::Agent agent_record;
  if (for_agent) {
    agent_record = recovered(*for_agent, enrolment);
  } else {
    agent_record.set_id(to_string(random_.id<AgentId>().view()));
    agent_record.set_account(token.account());
    agent_record.set_name(printable_name(enrolment.name, kMaxAgentName));
    agent_record.set_created_ns(now());
    agent_record.add_key(enrolment.key);
    agent_record.set_recovery_key(enrolment.recovery_key);
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

void Registry::accept_invitation(std::string_view token, const ServerId& joining) {
  Locked lock{*this};
  auto [file, record] = usable_token(token, vault::pb::Token::INVITE);
  for (auto const& use : record.use())
    if (use.id() == as_text(joining.view())) return;
  if (static_cast<std::uint32_t>(record.use_size()) >= record.uses())
    throw failure(Errc::bad_token, "the invitation was used by another server: make a new one");
  auto* use = record.add_use();
  use->set_id(to_string(joining.view()));
  use->set_time_ns(now());
  save(file, record);
}

std::vector<vault::pb::Agent> Registry::agents() { return load_all<vault::pb::Agent>("agents"); }

std::optional<vault::pb::Agent> Registry::agent(const AgentId& id) { return load<vault::pb::Agent>(path("agents", id.view())); }

void Registry::set_revoked(const AgentId& id, bool revoked) {
  Locked lock{*this};
  auto record = agent(id);
  if (!record) throw failure(Errc::not_found, "changing agent " + id.hex());
  if (record->revoked() == revoked) return;
  record->set_revoked(revoked);
  record->set_version(record->version() + 1);
  save_changed(*record);
}

void Registry::note_seen(const AgentId& id, std::string_view address, std::string_view software) {
  auto record = seen(id).value_or(vault::pb::Seen{});
  if (record.first_ns() == 0) record.set_first_ns(now());
  record.set_last_ns(now());
  record.set_address(std::string{address});
  record.set_software(printable_name(software, kMaxAgentName));
  try {
    save(path("seen", id.view()), record);
  } catch (const failure& f) {
    log_warning("{} (its visit is not noted; it is served all the same)", f.what());
  }
}

void Registry::set_told(const AgentId& id, std::string_view report) {
  if (report.size() > limits::kMaxReport) throw failure(Errc::too_large, "keeping the report of agent " + id.brief());
  vault::pb::Told told;
  told.set_id(to_string(id.view()));
  told.set_received_ns(now());
  told.set_report(std::string{report});
  Locked lock{*this};
  save(path("told", id.view()), told);
}

std::optional<vault::pb::Told> Registry::told(const AgentId& id) { return load<vault::pb::Told>(path("told", id.view())); }
std::vector<vault::pb::Told> Registry::all_told() { return load_all<vault::pb::Told>("told"); }

// ---- what people were told

void Registry::set_alarms(const std::vector<vault::pb::Alarm>& alarms) {
  Locked lock{*this};
  for (auto const& alarm : alarms) save(path("alarms", as_bytes(alarm.id())), alarm);
  bump();
}
std::optional<vault::pb::Alarm> Registry::alarm(const AgentId& id) { return load<vault::pb::Alarm>(path("alarms", id.view())); }
std::vector<vault::pb::Alarm> Registry::all_alarms() { return load_all<vault::pb::Alarm>("alarms"); }
void Registry::set_alarm_watch(const vault::pb::AlarmWatch& watch) { save(folder_ + "/watch", watch); }
std::optional<vault::pb::AlarmWatch> Registry::alarm_watch() { return load<vault::pb::AlarmWatch>(folder_ + "/watch"); }

void Registry::note_directory(const AgentId& id, std::uint64_t serial) {
  auto record = seen(id).value_or(vault::pb::Seen{});
  if (record.directory_serial() == serial) return;
  record.set_directory_serial(serial);
  try {
    save(path("seen", id.view()), record);
  } catch (const failure& f) {
    log_warning("{} (its address directory is not noted; it is served all the same)", f.what());
  }
}

std::optional<vault::pb::Seen> Registry::seen(const AgentId& id) { return load<vault::pb::Seen>(path("seen", id.view())); }

// ---- the pair

std::optional<vault::pb::Partner> Registry::partner() { return load<vault::pb::Partner>(folder_ + "/partner"); }
void Registry::set_partner(const vault::pb::Partner& partner) {
  Locked lock{*this};
  save(folder_ + "/partner", partner);
  bump();
}
std::optional<vault::pb::MirrorState> Registry::mirror_state() { return load<vault::pb::MirrorState>(folder_ + "/mirror"); }
void Registry::set_mirror_state(const vault::pb::MirrorState& state) { save(folder_ + "/mirror", state); }

std::string Registry::directory() {
  auto const bytes = read_file(disk_, folder_ + "/directory", limits::kMaxFrameHead);
  return bytes ? to_string(*bytes) : std::string{};
}
void Registry::set_directory(std::string_view signed_directory) {
  Locked lock{*this};
  write_file_atomically(disk_, folder_ + "/directory", as_bytes(signed_directory));
  bump();
}

// ---- replication

bool Registry::merge(const vault::pb::Account& theirs) {
  Locked lock{*this};
  auto const ours = load<vault::pb::Account>(path("accounts", as_bytes(theirs.id())));
  if (ours) {
    if (ours->version() > theirs.version()) return false;
    if (ours->version() == theirs.version() && ours->SerializeAsString() >= theirs.SerializeAsString()) return false;
  }
  save_changed(theirs);
  return true;
}

bool Registry::merge(const vault::pb::Agent& theirs) {
  Locked lock{*this};
  auto const ours = load<vault::pb::Agent>(path("agents", as_bytes(theirs.id())));
  auto merged = theirs;
  if (ours) {
    auto const tie = ours->version() == theirs.version();
    if (ours->version() > theirs.version() || (tie && ours->SerializeAsString() > theirs.SerializeAsString())) merged = *ours;
    // A key that was retired anywhere stays retired, whatever was changed elsewhere at the same time.
    std::vector<std::string> retired(ours->retired_key().begin(), ours->retired_key().end());
    retired.insert(retired.end(), theirs.retired_key().begin(), theirs.retired_key().end());
    std::sort(retired.begin(), retired.end());
    retired.erase(std::unique(retired.begin(), retired.end()), retired.end());
    std::vector<std::string> keys(merged.key().begin(), merged.key().end());
    merged.clear_key();
    merged.clear_retired_key();
    for (auto const& key : keys)
      if (!std::binary_search(retired.begin(), retired.end(), key)) merged.add_key(key);
    for (auto const& key : retired) merged.add_retired_key(key);
    if (merged.SerializeAsString() == ours->SerializeAsString()) return false;
  }
  save_changed(merged);
  return true;
}

// Not an event that is counted: the partner, who sent it, has it.
template <class Message>
bool Registry::merge_newer(const std::string& file, const Message& theirs, std::int64_t (*time_of)(const Message&)) {
  Locked lock{*this};
  auto const ours = load<Message>(file);
  if (ours && time_of(*ours) > time_of(theirs)) return false;
  if (ours && time_of(*ours) == time_of(theirs) && ours->SerializeAsString() >= theirs.SerializeAsString()) return false;
  save(file, theirs);
  return true;
}

bool Registry::merge(const vault::pb::Told& theirs) {
  return merge_newer<vault::pb::Told>(path("told", as_bytes(theirs.id())), theirs, [](const vault::pb::Told& told) { return std::int64_t{told.received_ns()}; });
}

bool Registry::merge(const vault::pb::Alarm& theirs) {
  return merge_newer<vault::pb::Alarm>(path("alarms", as_bytes(theirs.id())), theirs, [](const vault::pb::Alarm& alarm) { return std::int64_t{alarm.changed_ns()}; });
}

}  // namespace farkeep
