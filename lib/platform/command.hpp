#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.hpp"

namespace farkeep {

/// Standard output of a command line run by the system's shell; its standard error goes to ours.
/// Throws failure: configuration when it ends with another status than 0, too_large beyond `most` bytes.  Blocks.
Buffer command_output(const std::string& command_line, std::size_t most);

}  // namespace farkeep
