#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace farkeep {

/// Paths as administrators write them, in the catalog's spelling (path.hpp).

/// "/a//b/./c/" is "a/b/c", "/" is "".  ".." stays as it is.
std::string catalog_path(std::string_view path);

/// In the catalog's order, each once, and none that lies in another one.
std::vector<std::string> outermost(std::vector<std::string> paths);

}  // namespace farkeep
