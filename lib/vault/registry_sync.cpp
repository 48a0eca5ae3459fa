#include "vault/registry_sync.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kPageBytes = 256 * limits::kKiB;   // the answer may be somewhat larger than the page, and must fit a frame too
constexpr std::size_t kMaxEntry = limits::kMaxReport + limits::kKiB;

template <class Record>
std::uint64_t version_of(const Record& record) { return record.version(); }
std::uint64_t version_of(const vault::pb::Told& told) { return static_cast<std::uint64_t>(told.received_ns()); }

std::uint64_t version_of(const vault::pb::Alarm& alarm) { return static_cast<std::uint64_t>(alarm.changed_ns()); }

template <class Record>
wire::pb::RegistryEntry entry_of(std::uint32_t kind, const Record& record) {
  wire::pb::RegistryEntry entry;
  entry.set_kind(kind);
  entry.set_key(record.id());
  entry.set_value(record.SerializeAsString());
  entry.set_version(version_of(record));
  return entry;
}

// Merges one record; gives ours where it is not theirs.
template <class Record, class Load>
void merge_one(Registry& registry, const wire::pb::RegistryEntry& entry, Load load, wire::pb::SyncRegistry& answer) {
  auto const theirs = wire::parse_message<Record>(entry.value(), kMaxEntry);
  if (!theirs || theirs->id() != entry.key() || theirs->id().size() != AccountId::kSize)
    throw failure(Errc::malformed, "merging the partner's registry: an entry does not parse");
  registry.merge(*theirs);
  if (auto const ours = load(); ours && ours->SerializeAsString() != entry.value()) *answer.add_entry() = entry_of(entry.kind(), *ours);
}

}  // namespace

std::vector<wire::pb::SyncRegistry> registry_pages(Registry& registry, ToldEntries& told) {
  std::vector<wire::pb::SyncRegistry> pages;
  std::size_t bytes = 0;
  auto const add = [&](wire::pb::RegistryEntry entry) {
    auto const hash = std::hash<std::string>{}(entry.value());
    auto const [at, is_new] = told.try_emplace(std::to_string(entry.kind()) + entry.key(), hash);
    if (!is_new && at->second == hash) return;
    at->second = hash;
    if (pages.empty() || bytes + entry.value().size() > kPageBytes) {
      pages.emplace_back();
      bytes = 0;
    }
    bytes += entry.value().size() + 64;
    *pages.back().add_entry() = std::move(entry);
  };
  for (auto const& account : registry.accounts()) add(entry_of(kAccountEntry, account));
  for (auto const& agent : registry.agents()) add(entry_of(kAgentEntry, agent));
  // Before the reports: who hears that a job is well must know already whether the other server has told it.
  for (auto const& alarm : registry.all_alarms()) add(entry_of(kAlarmEntry, alarm));
  for (auto const& report : registry.all_told()) add(entry_of(kToldEntry, report));
  return pages;
}

std::optional<wire::pb::SyncRegistry> told_page(Registry& registry, const AgentId& agent) {
  auto const told = registry.told(agent);
  if (!told) return std::nullopt;
  wire::pb::SyncRegistry page;
  *page.add_entry() = entry_of(kToldEntry, *told);
  return page;
}

wire::pb::SyncRegistry merge_page(Registry& registry, const wire::pb::SyncRegistry& page) {
  wire::pb::SyncRegistry answer;
  for (auto const& entry : page.entry()) {
    if (entry.kind() == kAccountEntry)
      merge_one<vault::pb::Account>(registry, entry, [&] { return registry.account(AccountId::from(entry.key()).value_or(AccountId{})); }, answer);
    else if (entry.kind() == kAgentEntry)
      merge_one<vault::pb::Agent>(registry, entry, [&] { return registry.agent(AgentId::from(entry.key()).value_or(AgentId{})); }, answer);
    else if (entry.kind() == kToldEntry)
      merge_one<vault::pb::Told>(registry, entry, [&] { return registry.told(AgentId::from(entry.key()).value_or(AgentId{})); }, answer);
    else if (entry.kind() == kAlarmEntry)
      merge_one<vault::pb::Alarm>(registry, entry, [&] { return registry.alarm(AgentId::from(entry.key()).value_or(AgentId{})); }, answer);
    else if (entry.kind() != kSlotEntry)
      throw failure(Errc::malformed, "merging the partner's registry: an entry of an unknown kind");
  }
  return answer;
}

}  // namespace farkeep
