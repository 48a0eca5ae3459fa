#include "agent/stored_time.hpp"

#include <algorithm>

namespace farkeep {
namespace {
WallTime time(std::int64_t ns) { return WallTime{std::chrono::nanoseconds(ns)}; }
}  // namespace

std::int64_t believable(std::int64_t ns, WallTime now) { return ns <= 0 || time(ns) > now + kClockStep ? 0 : ns; }

std::optional<std::chrono::nanoseconds> age(std::int64_t ns, WallTime now) {
  if (believable(ns, now) == 0) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(std::chrono::nanoseconds{0}, now - time(ns));
}

bool waits(std::int64_t until_ns, WallTime now, std::chrono::nanoseconds longest) { return time(until_ns) > now && time(until_ns) <= now + longest; }

}  // namespace farkeep
