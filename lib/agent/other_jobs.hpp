#pragma once

#include <string>
#include <vector>

#include "agent/snapshots.hpp"

namespace farkeep {

/// For a message about paths that this snapshot does not have: which other jobs back up folders that hold one of them, as far as their newest snapshots say.
/// Begins with "; "; empty: none does.
std::string other_jobs_with(const std::vector<SnapshotInfo>& all, const SnapshotInfo& snapshot, const std::vector<std::string>& paths);

}  // namespace farkeep
