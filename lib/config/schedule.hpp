#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "config/calendar.hpp"
#include "config/value.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// When a job is due.  Pure: the caller brings the time and the zone.
///
///   every 4h               counted from the last start (1m to 52w)
///   daily 02:30
///   weekly mon 02:30
///   mon..fri 02:30, hourly, *-*-01 04:00, …          any expression of Calendar, which see
///
/// Times of day are local civil times, of the zone at the end of the expression if there is one.  One that a DST change
/// skips is due at the first instant after the gap; one that is repeated is due at the first of the two; `hourly` is
/// due in every hour that passes.
class Schedule {
 public:
  Schedule() = default;  ///< every 1h
  static Value<Schedule> parse(std::string_view text);

  /// What next() gives for a schedule that is never due again, such as a day that is over.
  static constexpr WallTime kNever = WallTime::max();

  /// When the job is due next, seen from `after`, if it was last started at `last_start` (the epoch: never).
  ///
  /// What was missed since the last start (the machine slept, the daemon was stopped) is due at once, which gives
  /// `after` itself, and once only: the start that follows is the new last start.  A job that never ran is due at
  /// once with `every`, and at its next time otherwise.  `every` is counted from the recorded start, so stopping and
  /// starting the daemon does not shift it.  A last start in the future (the clock was set back) counts as `after`.
  WallTime next(WallTime after, WallTime last_start, const TimeZone& zone) const;

  /// `every 4h`, or the calendar's normal form; parse() of it gives an equal schedule.
  std::string to_string() const;

  bool operator==(const Schedule&) const = default;

 private:
  std::optional<Calendar> calendar_;  // nothing: every
  std::chrono::seconds period_ = std::chrono::hours{1};
};

}  // namespace farkeep
