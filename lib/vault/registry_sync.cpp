#include "vault/registry_sync.hpp"

#include <array>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "wire/message.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kPageBytes = 256 * limits::kKiB;  // the answer may be somewhat larger than the page, and must fit a frame too
constexpr std::size_t kMaxEntry = limits::kMaxReport + limits::kKiB;
constexpr std::size_t kMostAnswer = 768 * limits::kKiB;  // one more of the largest entries still fits a frame
constexpr int kMostWanted = 256;                         // asked for at once: the rest with the next question

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

/// An answer that never outgrows a frame.  What does not fit comes with what this side pushes.
class BoundedAnswer {
 public:
  // All of them or none: who gets its own word back without the other server's would not ask again, and miss what that one denies.
  void add(std::vector<wire::pb::RegistryEntry> entries) {
    if (bytes_ > kMostAnswer) return;
    for (auto& entry : entries) {
      bytes_ += entry.ByteSizeLong() + 8;  // with its tag and length
      *page_.add_entry() = std::move(entry);
    }
  }
  wire::pb::SyncRegistry take() { return std::move(page_); }

 private:
  wire::pb::SyncRegistry page_;
  std::size_t bytes_ = 0;
};

// Merges one record; gives ours where it is not theirs.
template <class Record, class Load>
void merge_one(Registry& registry, const wire::pb::RegistryEntry& entry, Load load, BoundedAnswer& answer) {
  if (!entry.value().empty()) {
    auto const theirs = wire::parse_message<Record>(entry.value(), kMaxEntry);
    if (!theirs || theirs->id() != entry.key() || theirs->id().size() != AgentId::kSize)
      throw failure(Errc::malformed, "merging the partner's registry: an entry does not parse");
    if (!registry.knows(AgentId::from(entry.key()).value_or(AgentId{}))) return;  // nobody's
    registry.merge(*theirs);
  }
  auto const ours = load();
  if (ours && ours->SerializeAsString() != entry.value()) answer.add({entry_of(entry.kind(), *ours)});
}

// A word is taken or not; what is known here that the partner seems not to know goes back.  A partner of the first version sends words
// without an author: they are not believed, and it gets what holds here.
void take_one(Registry& registry, const wire::pb::RegistryEntry& entry, EntryPage& looked_up, BoundedAnswer& answer) {
  if (entry.key().size() != AgentId::kSize) throw failure(Errc::malformed, "merging the partner's registry: an entry's key");
  if (!entry.author().empty()) registry.take(entry, looked_up);
  std::vector<wire::pb::RegistryEntry> back;
  for (auto& ours : registry.words_on(entry.kind(), entry.key())) {
    bool const asked = entry.author().empty() || ours.author() == entry.author();
    if (asked && ours.value() != entry.value()) back.push_back(std::move(ours));
  }
  answer.add(std::move(back));
}

bool is_word(const wire::pb::RegistryEntry& entry) { return entry.kind() == kAccountEntry || entry.kind() == kAgentEntry; }

}  // namespace

// Alarms before reports: who hears that a job is well must know already whether the other server has told it.
bool RegistryPages::read_more() {
  static constexpr std::array kKinds{kAccountEntry, kAgentEntry, kAlarmEntry, kToldEntry};
  if (at_ == ids_.size()) {
    if (next_kind_ == kKinds.size()) return false;
    kind_ = kKinds[next_kind_++];
    ids_ = registry_.ids(kind_);
    at_ = 0;
    return true;
  }
  auto const& id = ids_[at_++];
  auto const agent = AgentId::from(id);
  if (kind_ == kAccountEntry || kind_ == kAgentEntry) {
    for (auto& word : registry_.words_on(kind_, id)) add(std::move(word));
  } else if (agent && kind_ == kAlarmEntry) {
    if (auto const alarm = registry_.alarm(*agent)) add(entry_of(kind_, *alarm));
  } else if (agent) {
    if (auto const report = registry_.told(*agent)) add(entry_of(kind_, *report));
  }
  return true;
}

void RegistryPages::add(wire::pb::RegistryEntry entry) {
  auto const hash = std::hash<std::string>{}(entry.value());
  auto const [at, is_new] = told_.try_emplace(std::to_string(entry.kind()) + entry.author() + entry.key(), hash);
  if (!is_new && at->second == hash) return;
  at->second = hash;
  read_.push_back(std::move(entry));
}

std::optional<wire::pb::SyncRegistry> RegistryPages::next() {
  wire::pb::SyncRegistry page;
  std::size_t bytes = 0;
  for (;;) {
    while (read_.empty())
      if (!read_more()) return page.entry_size() > 0 ? std::optional{std::move(page)} : std::nullopt;
    auto const size = read_.front().ByteSizeLong() + 8;  // with its tag and length
    if (page.entry_size() > 0 && bytes + size > kPageBytes) return page;
    bytes += size;
    *page.add_entry() = std::move(read_.front());
    read_.pop_front();
  }
}

std::optional<wire::pb::SyncRegistry> told_page(Registry& registry, const AgentId& agent) {
  auto const told = registry.told(agent);
  if (!told) return std::nullopt;
  wire::pb::SyncRegistry page;
  *page.add_entry() = entry_of(kToldEntry, *told);
  return page;
}

std::optional<wire::pb::SyncRegistry> wanted_page(Registry& registry) {
  wire::pb::SyncRegistry page;
  for (auto& entry : registry.wanted())
    if (page.entry_size() < kMostWanted) *page.add_entry() = std::move(entry);
  if (page.entry_size() == 0) return std::nullopt;
  return page;
}

wire::pb::SyncRegistry merge_page(Registry& registry, const wire::pb::SyncRegistry& page) {
  if (page.entry_size() > registry_limits::kMostOfPage) throw failure(Errc::malformed, "merging the partner's registry: a page has more entries than any may");
  BoundedAnswer answer;
  EntryPage looked_up;
  // This server's own words first: of a record that was lost here the other one's word is taken only once it is known again.
  for (auto const& entry : page.entry())
    if (is_word(entry) && registry.is_own(entry)) take_one(registry, entry, looked_up, answer);
  for (auto const& entry : page.entry()) {
    auto const agent = AgentId::from(entry.key()).value_or(AgentId{});
    if (is_word(entry)) {
      if (!registry.is_own(entry)) take_one(registry, entry, looked_up, answer);
    } else if (entry.kind() == kToldEntry) merge_one<vault::pb::Told>(registry, entry, [&] { return registry.told(agent); }, answer);
    else if (entry.kind() == kAlarmEntry) merge_one<vault::pb::Alarm>(registry, entry, [&] { return registry.alarm(agent); }, answer);
    else if (entry.kind() != kSlotEntry) throw failure(Errc::malformed, "merging the partner's registry: an entry of an unknown kind");
  }
  return answer.take();
}

}  // namespace farkeep
