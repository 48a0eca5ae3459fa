#pragma once

#include "agent/state.hpp"
#include "base/id.hpp"

namespace farkeep {

/// Whether this machine made the snapshot and its own state holds the digest: the newest one of each of its jobs.  Whoever only has a key or a server cannot bring that about.
bool made_here(const AgentState& state, const Digest& snapshot);

}  // namespace farkeep
