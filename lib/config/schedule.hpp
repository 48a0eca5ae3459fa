#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "config/value.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// When a job is due.  Pure: the caller brings the time and the zone.
///
///   every 4h               counted from the last start (1m to 52w)
///   hourly                 at every full hour of the clock on the wall
///   daily 02:30
///   weekly mon 02:30
///   mon..fri 02:30         days: mon tue wed thu fri sat sun, ranges a..b (over the week's end too), lists with commas
///
/// Times of day are local civil times.  One that a DST change skips is due at the first instant after the gap; one that
/// is repeated is due at the first of the two; `hourly` is due in every hour that passes.
class Schedule {
 public:
  static Value<Schedule> parse(std::string_view text);

  /// When the job is due next, seen from `after`, if it was last started at `last_start` (the epoch: never).
  ///
  /// What was missed since the last start (the machine slept, the daemon was stopped) is due at once, which gives
  /// `after` itself, and once only: the start that follows is the new last start.  A job that never ran is due at
  /// once with `every`, and at its next time otherwise.  `every` is counted from the recorded start, so stopping and
  /// starting the daemon does not shift it.  A last start in the future (the clock was set back) counts as `after`.
  WallTime next(WallTime after, WallTime last_start, const TimeZone& zone) const;

  /// The next local time strictly after `local`; nothing for `every`, which knows no calendar.
  std::optional<LocalTime> next_after(LocalTime local) const;

  /// In the words of the grammar; parse() of it gives an equal schedule.
  std::string to_string() const;

  bool operator==(const Schedule&) const = default;

 private:
  enum class Kind : std::uint8_t { every, hourly, days };

  std::chrono::sys_seconds next_instant(std::chrono::sys_seconds after, const TimeZone& zone) const;

  Kind kind_ = Kind::hourly;
  std::uint8_t days_ = 0;           // days: bit 0 is Sunday, as in std::chrono::weekday::c_encoding
  std::chrono::seconds period_{0};  // every
  std::chrono::minutes time_{0};    // days: since midnight
};

}  // namespace farkeep
