#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/bytes.hpp"

namespace farkeep {

struct CommandLimits {
  std::size_t output;              ///< bytes of standard output
  std::chrono::milliseconds time;  ///< until it must have ended
  std::chrono::milliseconds grace = std::chrono::seconds(5);  ///< between asking it to end and killing it
};

/// Standard output of a command line run by the system's shell, which reads nothing and has no terminal to ask at.  What it prints to its standard error
/// is logged as warnings, at most the last 4 KiB.  It is over when the shell has ended: what that left running is not waited for.
///
/// Throws failure: configuration, with the last line of its standard error, when it ends with another status than 0; command beyond the time,
/// too_large beyond the bytes.  In these two cases it has been asked to end, and killed with all it started if it, or anything that holds its output, did not.
/// Blocks, never longer than time and grace.
Buffer command_output(const std::string& command_line, const CommandLimits& limits);

}  // namespace farkeep
