#pragma once

#include <string>

namespace farkeep {

/// Whether every user of this machine may read the file, as far as its own permissions go.  False when there is none.
bool everybody_may_read(const std::string& path);

}  // namespace farkeep
