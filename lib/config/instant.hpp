#pragma once

#include <string_view>

#include "base/clock.hpp"
#include "config/value.hpp"

namespace farkeep {

/// A point in time as people write it: `2027-03-01T00:00:00Z` (RFC 3339, UTC only), or `2027-03-01`, its midnight in UTC.
Value<WallTime> parse_instant(std::string_view text);

}  // namespace farkeep
