#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/registry.hpp"
#include "vault/registry_entry.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

/// What the partner was told on a connection: hashes of values, by kind, author and key.
using ToldEntries = std::map<std::string, std::size_t>;

/// The registry as entries for the partner, in pages that fit a frame: every word that is kept here, the partner's own too, for it may have lost it;
/// entries that it was told already are left out, the others are noted as told.  Memory holds one page and all ids.
class RegistryPages {
 public:
  RegistryPages(Registry& registry, ToldEntries& told) : registry_(registry), told_(told) {}
  /// The next page; nothing when all was told.  Blocking.
  std::optional<wire::pb::SyncRegistry> next();

 private:
  bool read_more();
  void add(wire::pb::RegistryEntry entry);

  Registry& registry_;
  ToldEntries& told_;
  std::uint32_t kind_ = 0;
  std::size_t next_kind_ = 0, at_ = 0;
  std::vector<std::string> ids_;
  std::deque<wire::pb::RegistryEntry> read_;  // of one id, not in a page yet
};
/// One agent's report for the partner; nothing when it told nothing.  Blocking.
std::optional<wire::pb::SyncRegistry> told_page(Registry& registry, const AgentId& agent);
/// A question for what is damaged here; nothing when nothing is.  Blocking.
std::optional<wire::pb::SyncRegistry> wanted_page(Registry& registry);
/// Takes accounts, agents, reports and alarms of a page as far as they are to be believed, and gives back what is known here that is newer, or that was
/// asked for.  Slots are left alone.  Reports and alarms that do not parse are refused: failure malformed; words are judged one by one.  Blocking.
wire::pb::SyncRegistry merge_page(Registry& registry, const wire::pb::SyncRegistry& page);

}  // namespace farkeep
