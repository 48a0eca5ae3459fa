#pragma once

#include <cerrno>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

// For the bodies of this folder only: the loops that every POSIX call needs.
namespace farkeep::posix {

/// Repeats a call that a signal interrupted.
template <class Call>
auto again_if_interrupted(Call call) {
  for (;;) {
    auto const r = call();
    if (r >= 0 || errno != EINTR) return r;
  }
}

/// Reads until `into` is full or the file ends.  The bytes read, or -1 with errno.
std::int64_t read_fully(int from, std::uint64_t offset, MutableByteView into);
/// Writes all of it.  False with errno when that failed; then any part may have been written.
bool write_fully(int to, std::uint64_t offset, ByteView bytes);

/// Writes all of it where a pipe or a new file stands.  Throws failure.
void write_all(int to, ByteView bytes, const std::string& doing);

/// Renames only if nothing has the name `to`; false when something has.  Throws failure.
/// renameat2(RENAME_NOREPLACE); where the file system lacks it (or with `Method::link`, for tests), link and unlink:
/// atomic as well, but not for folders, and a crash in between leaves both names.
enum class Method { best, link };
bool rename_new(int from_folder, const char* from, int to_folder, const char* to, Method method = Method::best);

}  // namespace farkeep::posix
