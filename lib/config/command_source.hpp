#pragma once

#include <string>
#include <string_view>

#include "config/value.hpp"

namespace farkeep {

/// A command whose output is backed up as if it were a file.
struct CommandSource {
  std::string name;     ///< of the file; empty: to be named after the job
  std::string command;  ///< for /bin/sh -c
  auto operator<=>(const CommandSource&) const = default;
};

/// `main.sql: pg_dump main`, or a command line alone.  What stands before the first ": " is the name if it is made of A-Z a-z 0-9 . _ - only, at
/// most 128 bytes, and does not begin with a dot.
Value<CommandSource> parse_command_source(std::string_view text);

/// The name of a file in a folder: 1 to 255 bytes without '/' and control characters, not . or ..
Value<std::string> parse_file_name(std::string_view text);

}  // namespace farkeep
