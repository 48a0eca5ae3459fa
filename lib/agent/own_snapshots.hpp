#pragma once

#include <string>
#include <vector>

#include "agent/snapshots.hpp"
#include "agent/state.hpp"
#include "base/id.hpp"

namespace farkeep {

/// Whether this machine made the snapshot and its own state holds the digest: the newest one of each of its jobs.  Whoever only has a key or a server cannot bring that about.
bool made_here(const AgentState& state, const Digest& snapshot);

/// For "latest" and "latest:JOB", where another machine works as the same agent beside this one (Heads): the newest that this machine made, when a newer one is the
/// other's.  Null: there is no such doubt, or this machine knows of none that it made.
const SnapshotInfo* latest_made_here(const std::vector<SnapshotInfo>& all, const std::string& name, AgentState& state);

}  // namespace farkeep
