#pragma once

#include <cstdint>
#include <string>

namespace farkeep {

/// How large the file system of `path` is, which exists.  Throws failure.
std::uint64_t disk_size(const std::string& path);

}  // namespace farkeep
