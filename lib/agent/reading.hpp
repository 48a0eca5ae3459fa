#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "agent/heads.hpp"
#include "agent/progress.hpp"
#include "agent/server_choice.hpp"
#include "agent/servers.hpp"

namespace farkeep {

/// Whether servers that show less than this machine knows may be read from, where no other is left.
enum class Older { refused, accepted };

/// All of it outlives the call.
struct ReadParts {
  HeadParts heads;
  ServerChoice& choice;
  Reporter& reporter;
  /// Hears of each server that shows another history than it may, or was found to hold what is damaged: such a verb ends with Exit::alarm, whatever the other server gave.
  std::function<void(const std::string&)> alarm;
  Older older = Older::refused;
  bool* reads_older = nullptr;  ///< set before the work begins
};

/// Does the work, which only reads, in this agent's vault.  Both servers are asked first what their newest snapshots are, none for longer than `patience`: one that
/// shows another history than it may is told of and not read from, and of the others one that has the newest comes first.
///
/// When a server fails in the middle, whatever it says or sends, the work begins anew on the other one: it must bear that.  Only what is this
/// machine's own affair (is_own_affair) ends it at once.  Throws failure: the gravest of what was met, with all of it in its text.
task<void> read_vault(ReadParts parts, std::chrono::nanoseconds patience, Servers::Work work);

}  // namespace farkeep
