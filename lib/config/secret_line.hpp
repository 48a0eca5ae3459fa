#pragma once

#include <string_view>

namespace farkeep {

/// The line of a secret's file that is the secret, without its line end: the first one that is not blank, behind a byte order mark, and behind comments (`# like this`)
/// where another line follows them.  Empty: there is none.
std::string_view secret_line(std::string_view text) noexcept;

}  // namespace farkeep
