#pragma once

#include <string>

#include "base/clock.hpp"
#include "vault/registry.hpp"

namespace farkeep {

/// What is known of a server beside its registry.
struct ServerFacts {
  std::string name;
  std::uint64_t sessions = 0;
  std::uint64_t free_bytes = 0;
};

/// What Prometheus should know of a data centre and of the agents that it serves, as text (MetricsText).  Reads the registry: blocks.
/// Times that are not known are left out, not zero.
std::string server_metrics(Registry& registry, const ServerFacts& facts, WallTime now);

}  // namespace farkeep
