#pragma once

#include <optional>
#include <string>

#include "agent/fetcher.hpp"
#include "archive/entry.hpp"
#include "async/task.hpp"

namespace farkeep {

/// The entry at a path of a catalog; nothing: the snapshot has none there.
task<std::optional<Entry>> look_up(Fetcher& fetcher, ObjectId root, std::string path);

/// `path`; where the snapshot has nothing there, and it is a line of a list that stands for another path (path_shown_as() of base/shown_path.hpp), that one, if the
/// snapshot has it.
task<std::string> path_that_is_there(Fetcher& fetcher, ObjectId root, std::string path);

}  // namespace farkeep
