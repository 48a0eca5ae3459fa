#include "agent/own_snapshots.hpp"

#include "agent/heads.hpp"
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

const SnapshotInfo* latest_made_here(const std::vector<SnapshotInfo>& all, const std::string& name, AgentState& state) {
  if (name != "latest" && !name.starts_with("latest:")) return nullptr;
  if (!Heads(state).works_beside_another()) return nullptr;
  const std::string job = name == "latest" ? "" : name.substr(7);
  bool newer = false;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const bool is_asked_for = it->missing_from == 0 && it->problem.empty() && (job.empty() || it->details.job == job);
    if (!is_asked_for) continue;
    if (made_here(state, it->id)) return newer ? &*it : nullptr;
    newer = true;
  }
  return nullptr;
}

}  // namespace farkeep
