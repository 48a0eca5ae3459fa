#include "agent/own_snapshots.hpp"

#include "base/error.hpp"

namespace farkeep {

// A folder that cannot be a job's is no reason to fail: what is not found is not this machine's own.
bool made_here(const AgentState& state, const Digest& snapshot) {
  for (const std::string& job : state.disk().list(state.folder() + "/jobs")) {
    try {
      if (state.job(job).snapshot_digest() == as_text(snapshot.view())) return true;
    } catch (const failure&) {
      continue;
    }
  }
  return false;
}

}  // namespace farkeep
