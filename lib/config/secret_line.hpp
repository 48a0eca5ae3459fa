#pragma once

#include <string_view>

namespace farkeep {

/// The line of a secret's file that is the secret, without its line end: the first one that is not blank, behind a byte order mark, and behind comments (`# like this`)
/// where another line follows them.  Empty: there is none.
std::string_view secret_line(std::string_view text) noexcept;

/// What versions before that took for the secret: the first line, whatever it is.  Only for opening what was closed with it.
std::string_view secret_line_before(std::string_view text) noexcept;

}  // namespace farkeep
