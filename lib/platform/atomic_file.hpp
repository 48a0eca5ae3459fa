#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// Puts `bytes` at `path`, whole and durable, or leaves what was there: a temporary file beside it (mode 0600) is
/// written and synced, renamed over it, and the folder synced.  Throws failure; the temporary file is removed then.
/// A crash may leave a temporary file: it is never mistaken for `path` nor written to again.
void write_file_atomically(Disk& disk, const std::string& path, ByteView bytes);

/// Whether a name is one of those temporary files: for whoever owns the folder, to remove after a crash.
bool is_temporary_name(std::string_view name);

/// The file, or nothing when there is none.  One longer than `limit` is a failure (too_large), read no further.
std::optional<Buffer> read_file(Disk& disk, const std::string& path, std::size_t limit);

}  // namespace farkeep
