#pragma once

#include <cstdint>
#include <string>

namespace farkeep {

/// How large the file system of `path` is, which exists.  Throws failure.
std::uint64_t disk_size(const std::string& path);

/// Disk::free_bytes() of a file system with so many bytes free of so many, and so many files (inodes).  Those that make inodes as they are needed say that there are
/// none, or that more are free than there are (CephFS: 2^64 - 1): then bytes alone count.
std::uint64_t room_in_files(std::uint64_t bytes, std::uint64_t all_bytes, std::uint64_t files, std::uint64_t all_files) noexcept;

}  // namespace farkeep
