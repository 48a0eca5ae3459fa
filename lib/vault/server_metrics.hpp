#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "store/store_health.hpp"
#include "vault/registry.hpp"

namespace farkeep {

/// What is known of a server beside its registry.
struct ServerFacts {
  std::string name;
  std::uint64_t sessions = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t unusable_copies = 0;
  vault::pb::TurnedAway turned_away;
  StoreHealth store;
  bool takes_data = true;  ///< see DiskWatch
};

/// The counts with the words that people read: silent, handshake, failed, stranger, late, full, surplus, breach (registry.proto).
std::vector<std::pair<std::string, std::uint64_t>> reasons_of(const vault::pb::TurnedAway& counts);

/// What Prometheus should know of a data centre and of the agents that it serves, as text (MetricsText).  Reads the registry: blocks.
/// Times that are not known are left out, not zero.
std::string server_metrics(Registry& registry, const ServerFacts& facts, WallTime now);

}  // namespace farkeep
