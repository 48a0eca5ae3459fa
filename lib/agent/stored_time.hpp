#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace farkeep {

/// Times that this machine wrote down, under whatever clock it had then: nanoseconds since 1970, 0 for never.
///
/// One that lies further ahead than a clock is set back in daily life was written under another clock, and says nothing.  Else it would be waited for, or
/// nothing would be younger, until that clock was right: for years.
inline constexpr std::chrono::nanoseconds kClockStep = std::chrono::hours(1);

/// The time; 0 where it says nothing.
std::int64_t believable(std::int64_t ns, WallTime now);
/// How long it is ago, never less than nothing; nothing where it was never, or nobody knows when.
std::optional<std::chrono::nanoseconds> age(std::int64_t ns, WallTime now);
/// Whether a wait still goes on that was to end at this time and that is never longer than `longest`.
bool waits(std::int64_t until_ns, WallTime now, std::chrono::nanoseconds longest);

}  // namespace farkeep
