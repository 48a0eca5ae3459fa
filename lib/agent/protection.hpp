#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/snapshots.hpp"
#include "agent/state.hpp"
#include "agent/vault_port.hpp"
#include "async/timers.hpp"
#include "config/agent_config.hpp"

namespace farkeep {

/// What this machine knows of its jobs' newest snapshots: received by one server, or protected, that is: acknowledged by both.
/// A server pushes to its partner after it has acknowledged, so an agent has to ask later on.

/// As it is when it is made, for all jobs of one look.  `state` outlives it.
class KnownProtection {
 public:
  explicit KnownProtection(const AgentState& state);
  /// Whether the job's newest snapshot is known to be protected; nothing: it has none.
  std::optional<bool> of(const std::string& job) const;

 private:
  const AgentState& state_;
  const bool is_alarmed_;
  const agent::pb::Protections known_;
};
/// Jobs of which it is not known.
std::vector<std::string> unprotected_jobs(const AgentState& state, const AgentConfig& config);

/// Asks for them, and remembers what is so.  Receipts count when their signatures hold under `roots`, and they are of two different servers of the pair.
task<void> ask_protection(AgentState& state, std::vector<std::string> jobs, VaultPort& vault, TrustedRoots roots, std::vector<ServerId> pair);
/// Asks for this one snapshot until it is protected, after half a second, then after twice as long each time, up to kMostBetween.  False: it is not yet after
/// kWaitProtected.
task<bool> wait_protected(VaultPort& vault, SnapshotInfo wanted, TrustedRoots roots, std::vector<ServerId> pair, Timers& timers);
inline constexpr std::chrono::seconds kMostBetween{4}, kWaitProtected{60};
/// The same from a list that was fetched anyway.
void note_protection(AgentState& state, const AgentConfig& config, std::span<const SnapshotInfo> all);

/// After a history with less in it was accepted: `there` is what the servers have.  A job whose newest snapshot is not among it has the newest of its own that is;
/// on both servers is what is seen there.  Returns a sentence for each job that was changed.
std::vector<std::string> settle_jobs(AgentState& state, const AgentConfig& config, std::span<const SnapshotInfo> there);

}  // namespace farkeep
