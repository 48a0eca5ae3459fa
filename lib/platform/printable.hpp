#pragma once

#include <string>
#include <string_view>

namespace farkeep {

/// A file name for a message, in quotes.  Names are bytes, not text: what is not well-formed UTF-8, a control
/// character, a quote or a backslash becomes \xNN, so that no name can forge a line of the log or steer a terminal. The
/// middle of a very long path is left out.
std::string printable(std::string_view name);

}  // namespace farkeep
