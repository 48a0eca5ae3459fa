#pragma once

#include <string>

#include "async/task.hpp"

namespace farkeep {

/// What went wrong with a piece of work; empty: nothing, it is done.  Whatever it throws ends here but cancellation, which is thrown on.
///
/// For a loop that goes on whatever happens in one turn: a disk that is full, a process without descriptors, a peer that lies.  The caller tells, and waits
/// before the next turn.
task<std::string> problem_of(task<void> work);

}  // namespace farkeep
