#pragma once

#include "base/clock.hpp"

namespace farkeep {

/// The day on which this program was built, at 00:00 UTC (SOURCE_DATE_EPOCH where the packager sets it).  No right clock says less.
WallTime build_time();

}  // namespace farkeep
