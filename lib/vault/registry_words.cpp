#include "base/hex.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"
#include "vault/audit_log.hpp"
#include "vault/names.hpp"
#include "vault/registry_entry.hpp"
#include "vault/registry_file.hpp"
#include "vault/registry_locked.hpp"

// Accounts and agents: what each server of the pair says of them, and what holds here.
namespace farkeep {
namespace {

constexpr std::size_t kMaxReason = 200;  // one line of the audit log
constexpr auto kRestored = std::chrono::hours{24};  // until the partner has told everything again; then words of a thief would be taken, too

template <class Record>
struct KnownAs;
template <>
struct KnownAs<vault::pb::Account> {
  static constexpr const char* folder = "accounts";
  static constexpr std::uint32_t entry = kAccountEntry;
  static constexpr auto parse = parse_known_account;
};
template <>
struct KnownAs<vault::pb::Agent> {
  static constexpr const char* folder = "agents";
  static constexpr std::uint32_t entry = kAgentEntry;
  static constexpr auto parse = parse_known_agent;
};

bool is_damage(const failure& f) { return classify(f.code()) == Errc::damaged; }

}  // namespace

std::string Registry::self() const { return identity_ ? to_string(identity_->id().view()) : std::string{}; }

template <class Record>
std::optional<Known<Record>> Registry::known(const std::string& id) {
  auto const file = path(KnownAs<Record>::folder, as_bytes(id));
  auto const bytes = read(file);
  if (!bytes) return std::nullopt;
  auto out = KnownAs<Record>::parse(*bytes, id, self());
  if (out) {
    note_whole(file);
    return std::move(*out);
  }
  note_damage(file, "its checksum is wrong, or it does not parse");
  throw failure(Errc::damaged, "reading " + file + ": it is damaged; " + what_helps(std::string_view{file}.substr(folder_.size() + 1)));
}

std::vector<std::string> Registry::ids(std::uint32_t kind) {
  auto const* folder = kind == kAccountEntry ? "accounts" : kind == kAgentEntry ? "agents" : kind == kToldEntry ? "told" : "alarms";
  std::set<std::string> out;
  for (auto const& name : disk_.list(folder_ + "/" + folder))
    if (auto const id = unhex(name)) out.insert(to_string(*id));
  if (kind == kToldEntry) {
    std::lock_guard guard{visits_mutex_};
    for (auto const& [id, visit] : visits_)
      if (visit.told) out.insert(visit.told->id());
  }
  return {out.begin(), out.end()};
}

template <class Record>
Records<Known<Record>> Registry::all_known() {
  return {ids(KnownAs<Record>::entry), [this](const std::string& id) -> std::optional<Known<Record>> {
            try {
              return known<Record>(id);
            } catch (const failure& f) {
              if (!is_damage(f)) throw;
              return std::nullopt;
            }
          }};
}

template <class Record>
void Registry::save_known(const std::string& id, Known<Record>& here) {
  auto const file = path(KnownAs<Record>::folder, as_bytes(id));
  write_file_atomically(disk_, file, encode_known(here));
  std::lock_guard guard{damage_mutex_};
  damage_.erase(file);
}

template <class Record>
void Registry::say(Known<Record>& here, Record word) {
  word.set_version((here.own ? here.own->version() : 0) + 1);
  wire::pb::RegistryEntry entry;
  entry.set_kind(KnownAs<Record>::entry);
  entry.set_key(word.id());
  entry.set_value(word.SerializeAsString());
  entry.set_version(word.version());
  if (identity_) sign_entry(entry, *identity_, clock_.wall());
  here.own_entry = std::move(entry);
  here.own = std::move(word);
}

template <class Record>
void Registry::save_changed(Known<Record>& here, Record word) {
  say(here, std::move(word));
  save_known(here.own->id(), here);
  bump();
}
template void Registry::save_changed(Known<vault::pb::Account>&, vault::pb::Account);
template void Registry::save_changed(Known<vault::pb::Agent>&, vault::pb::Agent);

// The word as it is, with its number: a token promised it.
void Registry::save_word(const vault::pb::Agent& word) {
  auto here = known<vault::pb::Agent>(word.id()).value_or(Known<vault::pb::Agent>{});
  auto const version = word.version();
  if (!here.own) here.own.emplace();
  here.own->set_version(version - 1);
  save_changed(here, word);
}

// ---- what holds

template <class Record>
Records<Record> Registry::all_settled() {
  return {ids(KnownAs<Record>::entry), [this](const std::string& id) -> std::optional<Record> {
            try {
              auto const here = known<Record>(id);
              return here ? std::optional{settled(*here, self())} : std::nullopt;
            } catch (const failure& f) {
              if (!is_damage(f)) throw;
              return std::nullopt;
            }
          }};
}

Records<vault::pb::Account> Registry::accounts() { return all_settled<vault::pb::Account>(); }
Records<vault::pb::Agent> Registry::agents() { return all_settled<vault::pb::Agent>(); }

// One that is damaged counts as none: what it says (a name, a quota) holds nobody up.
std::optional<vault::pb::Account> Registry::account(const AccountId& id) {
  try {
    auto const here = known<vault::pb::Account>(to_string(id.view()));
    if (here) return settled(*here, self());
  } catch (const failure& f) {
    if (!is_damage(f)) throw;
  }
  return std::nullopt;
}

std::optional<vault::pb::Agent> Registry::agent(const AgentId& id) {
  auto const here = known<vault::pb::Agent>(to_string(id.view()));
  return here ? std::optional{settled(*here, self())} : std::nullopt;
}

bool Registry::knows(const AgentId& id) { return disk_.exists(path("agents", id.view())); }

void Registry::set_revoked(const AgentId& id, bool revoked) {
  Locked lock{*this};
  auto here = known<vault::pb::Agent>(to_string(id.view()));
  if (!here) throw failure(Errc::not_found, "changing agent " + id.hex());
  auto word = own_word(*here, self());
  word.set_revoked(revoked);
  if (!revoked && here->theirs) word.set_admitted_over(std::max<std::uint64_t>(word.admitted_over(), here->theirs->version()));
  if (here->own && word.SerializeAsString() == here->own->SerializeAsString()) return;
  save_changed(*here, std::move(word));
}

void Registry::take_partners_keys(const AgentId& id) {
  Locked lock{*this};
  auto here = known<vault::pb::Agent>(to_string(id.view()));
  if (!here) throw failure(Errc::not_found, "changing agent " + id.hex());
  auto word = own_word(*here, self());
  std::set<std::string> retired(word.retired_key().begin(), word.retired_key().end()), keys;
  if (here->theirs)
    for (auto const& key : here->theirs->key())
      if (!retired.contains(key)) keys.insert(key);
  for (auto const& key : word.key()) keys.erase(key);
  if (keys.empty()) throw failure(Errc::usage, "changing agent " + id.hex() + ": the partner says no other key of it than this server knows");
  auto const now_holds = settled(*here, self());
  for (auto const& key : now_holds.key())
    if (!keys.contains(key)) retired.insert(key);
  word.clear_key();
  word.clear_retired_key();
  for (auto const& key : keys) word.add_key(key);
  for (auto const& key : retired) word.add_retired_key(key);
  word.set_admitted_over(here->theirs->version());
  save_changed(*here, std::move(word));
}

// ---- for the partner

std::vector<wire::pb::RegistryEntry> Registry::words_on(std::uint32_t kind, const std::string& id) {
  std::vector<wire::pb::RegistryEntry> out;
  auto const add = [&](auto here) {
    if (!here) return;
    for (auto* entry : {&here->their_entry, &here->own_entry})
      if (*entry && !(*entry)->author().empty()) out.push_back(std::move(**entry));
  };
  try {
    if (kind == kAccountEntry) add(known<vault::pb::Account>(id));
    if (kind == kAgentEntry) add(known<vault::pb::Agent>(id));
  } catch (const failure& f) {
    if (!is_damage(f)) throw;
  }
  return out;
}

// ---- an operator's acts

void Registry::audit(std::string_view act, const std::string& id, std::string_view reason) {
  boost::json::object line;
  line["act"] = act;
  line["id"] = hex(as_bytes(id));
  line["reason"] = reason;
  farkeep::audit(disk_, folder_.substr(0, folder_.rfind('/')), now(), std::move(line));
  log_warning("{} {}: {}", act, hex(as_bytes(id)), reason);
}

namespace {

// It is shown in one line.
void check_reason(std::string_view reason) {
  if (!is_name(reason, kMaxReason) || reason.find_first_of("\"\\") != std::string_view::npos)
    throw failure(Errc::usage, "setting aside: a reason of 1 to 200 printable bytes, without quotes and backslashes, is needed");
}

}  // namespace

template <class Record>
bool Registry::set_aside_as(const std::string& id, bool aside) {
  std::optional<Known<Record>> here;
  try {
    here = known<Record>(id);
  } catch (const failure& f) {
    if (!is_damage(f) || !aside) throw;
    keep_damaged(KnownAs<Record>::folder, id);
    bump();
    return true;
  }
  if (!here) return false;
  auto word = own_word(*here, self());
  if (aside) {
    auto whole = taken_over(*here, self(), self());
    if constexpr (std::is_same_v<Record, vault::pb::Agent>) {
      // No key that the partner alone vouches for; and what it denies counts no more.
      *whole.mutable_key() = word.key();
      *whole.mutable_retired_key() = word.retired_key();
      whole.set_revoked(word.revoked());
    }
    word = std::move(whole);
  }
  word.set_set_aside(aside);
  save_changed(*here, std::move(word));
  return true;
}

void Registry::set_aside(const std::string& id, std::string_view reason) {
  check_reason(reason);
  Locked lock{*this};
  bool const found = set_aside_as<vault::pb::Agent>(id, true) || set_aside_as<vault::pb::Account>(id, true);
  if (!found) throw failure(Errc::not_found, "setting aside what the partner says of " + hex(as_bytes(id)) + ": there is no such agent or account");
  audit("registry set-aside", id, reason);
}

void Registry::heed_again(const std::string& id, std::string_view reason) {
  check_reason(reason);
  Locked lock{*this};
  bool const found = set_aside_as<vault::pb::Agent>(id, false) || set_aside_as<vault::pb::Account>(id, false);
  if (!found) throw failure(Errc::not_found, "hearing the partner again on " + hex(as_bytes(id)) + ": there is no such agent or account");
  audit("registry heed-again", id, reason);
}

void Registry::take_back(std::string_view reason) {
  check_reason(reason);
  Locked lock{*this};
  vault::pb::Restored restored;
  restored.set_until_ns(now() + std::chrono::nanoseconds{kRestored}.count());
  save(folder_ + "/restored", restored);
  audit("registry take-back", self(), reason);
}

bool Registry::is_restored() {
  auto const restored = load<vault::pb::Restored>(folder_ + "/restored");
  return restored && now() < restored->until_ns();
}

// ---- adoption

namespace {

// Whose word it is if neither this server nor its partner has signed it.
template <class Record>
bool is_foreign(const Known<Record>& here, const std::string& partner) {
  if (here.own_entry && here.own_entry->author().empty()) return true;
  return here.their_entry && here.their_entry->author() != partner;
}

}  // namespace

std::vector<std::string> Registry::to_adopt() {
  std::vector<std::string> out;
  auto const partner_record = partner();
  auto const partner_id = partner_record ? partner_record->server_id() : std::string{};
  auto const taken_back = [&] {
    Locked lock{*this};
    return identity_ ? revoked() : Revocations{};
  }();
  // Signed with a key that the root took back: it would not be believed any more where it has to be healed.
  auto const is_stale = [&](auto const& here) { return here.own_entry && identity_ && is_by_revoked_key(*here.own_entry, identity_->id(), taken_back); };
  for (auto const& here : all_known<vault::pb::Account>())
    if (is_foreign(here, partner_id) || is_stale(here)) out.push_back("accounts/" + (here.own ? here.own->id() : here.theirs->id()));
  for (auto const& here : all_known<vault::pb::Agent>())
    if (is_foreign(here, partner_id) || is_stale(here)) out.push_back("agents/" + (here.own ? here.own->id() : here.theirs->id()));
  for (auto const* kind : {"tokens", "told", "alarms"})
    for (auto const& name : disk_.list(folder_ + "/" + kind)) {
      if (is_temporary_name(name)) continue;
      try {
        auto const bytes = read(folder_ + "/" + kind + "/" + name);
        auto const payload = registry_payload(bytes ? ByteView{*bytes} : ByteView{});
        if (bytes && payload && !payload->sealed) out.push_back(std::string{kind} + "/" + name);
      } catch (const failure& f) {
        if (!is_damage(f)) throw;
      }
    }
  return out;
}

template <class Record>
void Registry::adopt_as(const std::string& id, const ServerId& home) {
  auto here = known<Record>(id);
  if (!here) return;
  auto const partner_record = partner();
  bool const replaced = here->their_entry && (!partner_record || here->their_entry->author() != partner_record->server_id());
  auto const at_home = replaced ? self() : here->own && !here->own->home().empty() ? here->own->home() : to_string(home.view());
  auto word = here->own && here->own->home() == at_home ? *here->own : taken_over(*here, self(), at_home);
  if (replaced) {
    here->their_entry.reset();
    here->theirs.reset();
  }
  // A number that somebody drove up ends here: what counts from now on is this author's own.
  if (here->own && here->own->version() > registry_limits::kHighestFirst / 2) here->own->set_version(0);
  say(*here, std::move(word));
  save_known(id, *here);
}

void Registry::adopt(const std::vector<std::string>& names, const ServerId& home) {
  Locked lock{*this};
  for (auto const& name : names) {
    auto const slash = name.find('/');
    auto const kind = name.substr(0, slash), id = name.substr(slash + 1);
    try {
      if (kind == "accounts") adopt_as<vault::pb::Account>(id, home);
      else if (kind == "agents") adopt_as<vault::pb::Agent>(id, home);
      else if (auto const bytes = read(folder_ + "/" + name)) {
        auto const payload = registry_payload(*bytes);
        if (payload && !payload->sealed) write_file_atomically(disk_, folder_ + "/" + name, registry_file(*bytes));
      }
    } catch (const failure& f) {
      if (!is_damage(f)) throw;
    }
  }
  of_partner_.reset();
  bump();
}

template std::optional<Known<vault::pb::Account>> Registry::known(const std::string&);
template std::optional<Known<vault::pb::Agent>> Registry::known(const std::string&);
template void Registry::save_known(const std::string&, Known<vault::pb::Account>&);
template void Registry::save_known(const std::string&, Known<vault::pb::Agent>&);
template void Registry::say(Known<vault::pb::Account>&, vault::pb::Account);
template void Registry::say(Known<vault::pb::Agent>&, vault::pb::Agent);
template Records<Known<vault::pb::Account>> Registry::all_known();
template Records<Known<vault::pb::Agent>> Registry::all_known();

}  // namespace farkeep
