#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/backup.hpp"

namespace farkeep {

/// What of a job's files lies in no snapshot: those that are new, and those that are not as they were.
struct Changes {
  std::uint64_t looked_at = 0;  ///< regular files that the job selects
  std::uint64_t files = 0;      ///< of them, unprotected
  std::uint64_t bytes = 0;      ///< their sizes
  std::uint64_t doubtful = 0;   ///< as they were, as far as can be seen; they changed so shortly before they were read that the next run reads them again
  std::string newest;           ///< path of the one that was modified last, absolute; empty: there is none
  std::int64_t newest_ns = 0;   ///< when that was
  std::vector<Lack> lacks;      ///< of the sources, as the next run would find them; of what is not there nothing is known
  enum class End {
    all,         ///< every file was looked at
    stopped,     ///< the caller had enough
    no_catalog,  ///< this machine does not have the last snapshot's catalog (recovered just now): nothing can be said
  };
  End end = End::all;
};

/// Walks the job's sources and compares them with its last snapshot's catalog as it lies on this machine; no server is asked, no file is read.
/// What commands would print is left aside.  `go_on` is asked now and then.
/// Throws failure as a run does when the sources cannot be walked.
task<Changes> look_for_changes(AgentState& state, const AgentKeys& keys, const BackupJob& job, Workers& workers, SourceTree& sources, std::function<bool()> go_on);

}  // namespace farkeep
