#pragma once

#include <string>

#include "agent/backup.hpp"
#include "platform/source_tree.hpp"

namespace farkeep {

/// Whether a job would back up a path, and what decides that.
struct Explanation {
  bool kept = false;
  std::string decides;  ///< the path that the decision is about: this one, or a folder above it
  std::string why;      ///< for people: "the rule *.tmp leaves it out"
  std::string file;     ///< where the rule stands; empty: no rule decided
  int line = 0;
};

/// Goes down to the path as a run would, with the same Selection.  `path` is absolute, as parse_path gives it; it need not exist.  Blocks on the disk.
Explanation explain(SourceTree& tree, const BackupJob& job, const std::string& path);

}  // namespace farkeep
