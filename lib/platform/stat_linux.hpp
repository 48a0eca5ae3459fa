#pragma once

#include "platform/entry_meta.hpp"

struct stat;

// For the bodies of this folder only.
namespace farkeep::posix {

EntryStat entry_stat(const struct ::stat& st);

}  // namespace farkeep::posix
