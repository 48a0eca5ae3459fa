#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/registry.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

inline constexpr std::uint32_t kAccountEntry = 1, kAgentEntry = 2, kSlotEntry = 3, kToldEntry = 4, kAlarmEntry = 5;  // RegistryEntry.kind

/// What the partner was told on a connection: hashes of values, by kind and key.
using ToldEntries = std::map<std::string, std::size_t>;

/// The registry as entries for the partner, in pages that fit a frame; entries that it was told already are left out, the others are
/// noted as told.  Blocking.
std::vector<wire::pb::SyncRegistry> registry_pages(Registry& registry, ToldEntries& told);
/// One agent's report for the partner; nothing when it told nothing.  Blocking.
std::optional<wire::pb::SyncRegistry> told_page(Registry& registry, const AgentId& agent);
/// Merges accounts, agents, reports and alarms of a page, and gives back what is different here now.  Slots are left alone.  Entries that do not parse are
/// refused: failure malformed.  Blocking.
wire::pb::SyncRegistry merge_page(Registry& registry, const wire::pb::SyncRegistry& page);

}  // namespace farkeep
