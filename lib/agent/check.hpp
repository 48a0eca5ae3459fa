#pragma once

#include <string>
#include <vector>

#include "agent/fetcher.hpp"
#include "agent/restore.hpp"

namespace farkeep {

struct CheckResult {
  std::uint64_t snapshots = 0, nodes = 0, entries = 0, objects = 0, bytes_read = 0;
  std::vector<std::string> errors;  ///< the first 100
  std::uint64_t error_count = 0;
};

enum class CheckDepth {
  structure,  ///< every catalog is read and verified; the server is asked whether it has every chunk
  data,       ///< every chunk is fetched and verified as well
};

/// Checks snapshots against what a server really has.  Goes on after an error; all of them are reported.
task<CheckResult> check_snapshots(VaultPort& vault, const AgentKeys& keys, Workers& workers, Reporter& reporter, std::vector<SnapshotInfo> snapshots,
                                  CheckDepth depth, MemoryPlan memory = {});

}  // namespace farkeep
