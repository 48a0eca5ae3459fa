#pragma once

#include <optional>
#include <string>

namespace farkeep {

/// Whether every user of this machine may read the file, as far as its own permissions go.  False when there is none.
bool everybody_may_read(const std::string& path);

/// A text that all names of one file share while it exists: links are followed.  Nothing when there is none, or it cannot be told.
std::optional<std::string> file_identity(const std::string& path);

}  // namespace farkeep
