#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace farkeep {

/// Wall time: nanoseconds since 1970-01-01 UTC, what files and certificates carry.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
/// Monotonic time: for deadlines and rates only.
using SteadyTime = std::chrono::steady_clock::time_point;

/// The only source of time.  Tests step a clock of their own; nothing in lib/ calls now() on a std clock.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  WallTime wall() const override;
  SteadyTime steady() const override;
};

/// RFC 3339 in UTC with seconds: 2026-11-22T15:52:07Z.
std::string rfc3339(WallTime t);
/// The same of any second since 1970: years before 0 and after 9999 with their sign.
std::string rfc3339_of(std::int64_t seconds);

inline std::int64_t unix_seconds(WallTime t) {
  return std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
}
inline WallTime from_unix_seconds(std::int64_t s) { return WallTime{std::chrono::seconds{s}}; }

}  // namespace farkeep
