#include "vault/registry_known.hpp"

#include <algorithm>
#include <set>

#include "base/id.hpp"
#include "base/limits.hpp"
#include "vault/names.hpp"
#include "vault/registry_file.hpp"
#include "vault/registry_limits.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

using Keys = google::protobuf::RepeatedPtrField<std::string>;
constexpr std::size_t kKey = 32;

bool are_keys(const Keys& keys, std::size_t most) {
  return static_cast<std::size_t>(keys.size()) <= most && std::all_of(keys.begin(), keys.end(), [](auto const& key) { return key.size() == kKey; });
}

void add_all(const Keys& from, std::set<std::string>& to) { to.insert(from.begin(), from.end()); }

template <class Record>
bool is_home(const std::optional<Record>& own, std::string_view self) {
  return own && (own->home().empty() || own->home() == self);
}

template <class Record>
result<Known<Record>> parse_known(ByteView file, std::string_view id, std::string_view self) {
  auto const payload = registry_payload(file);
  if (!payload) return payload.error();
  Known<Record> out;
  out.sealed = payload->sealed;
  if (!payload->sealed) {
    Record record;
    if (!record.ParseFromArray(payload->bytes.data(), static_cast<int>(payload->bytes.size())) || record.id() != id) return Errc::damaged;
    wire::pb::RegistryEntry entry;
    entry.set_key(record.id());
    entry.set_value(record.SerializeAsString());
    entry.set_version(record.version());
    out.own_entry = std::move(entry);
    out.own = std::move(record);
    return out;
  }
  vault::pb::Words words;
  if (!words.ParseFromArray(payload->bytes.data(), static_cast<int>(payload->bytes.size()))) return Errc::damaged;
  for (auto const& word : words.word()) {
    wire::pb::RegistryEntry entry;
    Record record;
    if (!entry.ParseFromString(word) || !record.ParseFromString(entry.value()) || record.id() != id) return Errc::damaged;
    bool const mine = entry.author().empty() || entry.author() == self;
    (mine ? out.own_entry : out.their_entry) = only_fields(std::move(entry));
    (mine ? out.own : out.theirs) = std::move(record);
  }
  if (!out.own && !out.theirs) return Errc::damaged;
  return out;
}

// Each retired key with its tag and length.
std::size_t retired_bytes(const vault::pb::Account&) { return 0; }
std::size_t retired_bytes(const vault::pb::Agent& agent) { return static_cast<std::size_t>(agent.retired_key_size()) * (kKey + 2); }

template <class Record>
std::optional<Record> parse_bounded(const wire::pb::RegistryEntry& entry) {
  if (entry.value().size() > registry_limits::kMaxWord || entry.key().size() != AgentId::kSize) return std::nullopt;
  if (entry.signer_chain_size() > registry_limits::kMaxChain) return std::nullopt;
  auto record = wire::parse_message<Record>(entry.value(), registry_limits::kMaxWord);
  if (!record || record->id() != entry.key() || record->version() != entry.version() || record->version() == 0) return std::nullopt;
  if (record->home().size() != ServerId::kSize) return std::nullopt;
  if (entry.ByteSizeLong() > registry_limits::kUsualEntry + retired_bytes(*record)) return std::nullopt;
  return std::move(*record);
}

}  // namespace

result<Known<vault::pb::Account>> parse_known_account(ByteView file, std::string_view id, std::string_view self) {
  return parse_known<vault::pb::Account>(file, id, self);
}
result<Known<vault::pb::Agent>> parse_known_agent(ByteView file, std::string_view id, std::string_view self) {
  return parse_known<vault::pb::Agent>(file, id, self);
}

template <class Record>
Buffer encode_known(const Known<Record>& known) {
  vault::pb::Words words;
  for (auto const* entry : {&known.own_entry, &known.their_entry})
    if (*entry) words.add_word((*entry)->SerializeAsString());
  return registry_file(as_bytes(words.SerializeAsString()));
}
template Buffer encode_known(const Known<vault::pb::Account>&);
template Buffer encode_known(const Known<vault::pb::Agent>&);

wire::pb::RegistryEntry only_fields(wire::pb::RegistryEntry entry) {
  wire::pb::RegistryEntry out;
  out.set_kind(entry.kind());
  out.set_version(entry.version());
  out.set_time_ns(entry.time_ns());
  *out.mutable_key() = std::move(*entry.mutable_key());
  *out.mutable_value() = std::move(*entry.mutable_value());
  *out.mutable_author() = std::move(*entry.mutable_author());
  *out.mutable_signature() = std::move(*entry.mutable_signature());
  *out.mutable_signer_chain() = std::move(*entry.mutable_signer_chain());
  return out;
}

std::size_t long_bytes(const wire::pb::RegistryEntry& entry) {
  auto const size = entry.ByteSizeLong();
  return size > registry_limits::kUsualEntry ? size - registry_limits::kUsualEntry : 0;
}

std::optional<vault::pb::Account> parse_account(const wire::pb::RegistryEntry& entry) {
  auto account = parse_bounded<vault::pb::Account>(entry);
  if (!account || !is_name(account->name(), registry_limits::kMaxAccountName)) return std::nullopt;
  return account;
}

std::optional<vault::pb::Agent> parse_agent(const wire::pb::RegistryEntry& entry) {
  auto agent = parse_bounded<vault::pb::Agent>(entry);
  if (!agent || agent->account().size() != AccountId::kSize) return std::nullopt;
  if (!agent->name().empty() && !is_name(agent->name(), registry_limits::kMaxAgentName)) return std::nullopt;
  if (!are_keys(agent->key(), registry_limits::kMaxKeys) || !are_keys(agent->retired_key(), registry_limits::kMaxRetiredKeys)) return std::nullopt;
  if (agent->proof_csr().size() > registry_limits::kMaxProofCsr) return std::nullopt;
  if (!agent->recovery_key().empty() && agent->recovery_key().size() != kKey) return std::nullopt;
  return agent;
}

// ---- what holds

// The quota is this server's own business where it has said one.
vault::pb::Account settled(const Known<vault::pb::Account>& known, std::string_view self) {
  if (!known.own) return *known.theirs;
  if (!known.theirs || known.own->set_aside() || is_home(known.own, self)) return *known.own;
  auto out = *known.theirs;
  out.set_quota_bytes(known.own->quota_bytes());
  return out;
}

vault::pb::Agent settled(const Known<vault::pb::Agent>& known, std::string_view self) {
  if (!known.own) return *known.theirs;
  if (!known.theirs || known.own->set_aside()) return *known.own;
  auto const &own = *known.own, &theirs = *known.theirs;
  bool const home = is_home(known.own, self), denies = theirs.version() > own.admitted_over();
  auto out = home ? own : theirs;
  std::set<std::string> keys, retired;
  add_all(own.key(), keys);
  add_all(own.retired_key(), retired);
  if (!home) add_all(theirs.key(), keys);
  if (!home || denies) add_all(theirs.retired_key(), retired);
  out.clear_key();
  out.clear_retired_key();
  for (auto const& key : keys)
    if (!retired.contains(key)) out.add_key(key);
  for (auto const& key : retired) out.add_retired_key(key);
  out.set_revoked(own.revoked() || (denies && theirs.revoked()));
  return out;
}

// ---- this server's word

vault::pb::Account own_word(const Known<vault::pb::Account>& known, std::string_view) { return known.own ? *known.own : *known.theirs; }

vault::pb::Agent own_word(const Known<vault::pb::Agent>& known, std::string_view) {
  if (known.own) return *known.own;
  auto out = *known.theirs;
  out.clear_key();
  out.clear_retired_key();
  out.clear_recovery_key();
  out.clear_proof();
  out.clear_proof_csr();
  out.set_revoked(false);
  out.set_set_aside(false);
  out.set_admitted_over(0);
  out.set_home(known.their_entry->author());
  out.set_version(0);
  return out;
}

vault::pb::Account taken_over(const Known<vault::pb::Account>& known, std::string_view self, std::string_view home) {
  auto out = settled(known, self);
  out.set_version(known.own ? known.own->version() : 0);
  out.set_home(std::string{home});
  return out;
}

vault::pb::Agent taken_over(const Known<vault::pb::Agent>& known, std::string_view self, std::string_view home) {
  auto out = settled(known, self);
  out.set_version(known.own ? known.own->version() : 0);
  out.set_admitted_over(known.own ? known.own->admitted_over() : 0);
  out.set_set_aside(known.own && known.own->set_aside());
  out.set_home(std::string{home});
  return out;
}

vault::pb::Account united(const vault::pb::Account& newer, const vault::pb::Account&) { return newer; }

vault::pb::Agent united(const vault::pb::Agent& newer, const vault::pb::Agent& ours) {
  auto out = newer;
  std::set<std::string> retired;
  add_all(newer.retired_key(), retired);
  bool more = ours.revoked() && !newer.revoked();
  for (auto const& key : ours.retired_key()) more = retired.insert(key).second || more;
  if (!more) return out;
  out.set_revoked(newer.revoked() || ours.revoked());
  out.clear_key();
  out.clear_retired_key();
  for (auto const& key : newer.key())
    if (!retired.contains(key)) out.add_key(key);
  for (auto const& key : retired) out.add_retired_key(key);
  return out;
}

}  // namespace farkeep
