#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/snapshots.hpp"
#include "agent/state.hpp"
#include "agent/vault_port.hpp"
#include "config/agent_config.hpp"

namespace farkeep {

/// What this machine knows of its jobs' newest snapshots: received by one server, or protected, that is: acknowledged by both.
/// A server pushes to its partner after it has acknowledged, so an agent has to ask later on.

/// Whether the job's newest snapshot is known to be protected; nothing: it has none.
std::optional<bool> is_protected(const AgentState& state, const std::string& job);
/// Jobs of which it is not known.
std::vector<std::string> unprotected_jobs(const AgentState& state, const AgentConfig& config);

/// Asks for them, and remembers what is so.  A receipt counts when its signature holds under `authority`.
task<void> ask_protection(AgentState& state, std::vector<std::string> jobs, VaultPort& vault, const Certificate& authority);
/// The same from a list that was fetched anyway.
void note_protection(AgentState& state, const AgentConfig& config, std::span<const SnapshotInfo> all);

}  // namespace farkeep
