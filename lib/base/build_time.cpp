#include "base/build_time.hpp"

namespace farkeep {

// A day, not a second: the file is compiled anew once a day at most.
WallTime build_time() { return from_unix_seconds(std::int64_t{FARKEEP_BUILD_DAY} * 86'400); }

}  // namespace farkeep
