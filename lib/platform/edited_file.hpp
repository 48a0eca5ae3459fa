#pragma once

#include <string>

#include "base/bytes.hpp"

namespace farkeep {

/// Puts new content into a file that people edit, whole and durable, or leaves what was there.  Owner, group and mode stay; a symbolic link is
/// followed, so that it stays one.  Throws failure; not_found when there is no such file.
void replace_edited_file(const std::string& path, ByteView bytes);

/// Puts a file where other programs of this machine read it (mode 0644): whole, the old or the new one.  Not durable: whoever publishes it makes it anew
/// after a crash.  The folder must exist.  Throws failure.
void publish_file(const std::string& path, ByteView bytes);

}  // namespace farkeep
