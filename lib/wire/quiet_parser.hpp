#pragma once

namespace farkeep::wire {

/// From now on the parser of messages writes nothing to stderr: it has a line for each text that is no UTF-8, past every bound of the log, and nobody may fill
/// that by sending such.  What does not parse is told by whoever asked for it.  For the whole process; run_program() begins with it.
void quiet_parser() noexcept;

}  // namespace farkeep::wire
