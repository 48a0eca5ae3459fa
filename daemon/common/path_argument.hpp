#pragma once

#include <string>

namespace farkeep {

/// A path on a command line: absolute, or from the current folder.  Throws failure(usage), which names `what` it was given for.
std::string path_argument(const std::string& what, const std::string& text);

}  // namespace farkeep
