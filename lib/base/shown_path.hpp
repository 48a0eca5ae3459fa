#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace farkeep {

/// A path as a line of a list, of any length: as it is where all of it is harmless (base/harmless.hpp), else what is not, and backslashes, as \xNN.
std::string shown_path(std::string_view path);

/// The path that such a line stands for, where it is another than the line itself: each \xNN is its byte.  Nothing: there is none in it.  Whoever is given a
/// path by a person looks for the path itself first, for a name may hold a \xNN of its own.
std::optional<std::string> path_shown_as(std::string_view line);

}  // namespace farkeep
