#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/value.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// Days and times that come again, in the words of systemd.time(7), "CALENDAR EVENTS" (measured against systemd 252).
///
///   Mon..Fri 02:30            [days of the week] [year-month-day or month-day] [hour:minute[:second]] [time zone]
///   *-*-01 04:00              each number may be `*`, a list 1,15, a range 1..5, or repeat: 0/15 is 0 15 30 45,
///   Sat *-*-1..7 18:00        8..18/2 is 8 10 12 14 16 18
///   *-02~03, Mon *-05~07/1    behind ~ days count from the end of the month: the third last, the last Monday
///   *:0/15 Europe/Berlin      UTC or a name of the IANA database wins over the job's zone
///   minutely hourly daily weekly monthly quarterly semiannually yearly annually
///
/// No date is any day, no time is midnight.  Days of the week: mon, Monday; lists and ranges (`-` is read for `..`).
/// Case does not count except in the names of zones.  Years are 1970 to 2199, as in systemd: nothing comes after them.
///
/// Where a clock changes (systemd 252 leaves runs out there, or repeats them; a backup does neither):
///   An expression that lists its hours names civil times.  One that a change skips is due at the first instant after
///   the gap (systemd: not at all that day), one that is repeated at the first of the two and only then (systemd: again
///   if asked in between).
///   An expression for every hour of the day (`*:0/15`, hourly) counts the hours that pass: it is due whenever a clock
///   on the wall matches, in both of the repeated hours (systemd: only in one of them).
/// Errors of systemd 252 that are not ours: behind the last value of an open step (`*:0/7`, `*-*-6/6`) it may miss the
/// first times of the next day; near a change of the clock it may take the wrong day for `~`, or give up.
/// Other differences: seconds are the finest, fractions are refused; `@` and abbreviations such as PST are refused;
/// Sat..Mon is read, over the end of the week.
class Calendar {
 public:
  /// The error says what is wrong with which part; it does not repeat the whole text.
  static Value<Calendar> parse(std::string_view text);

  /// The first instant strictly after `after`; nothing: never again.  A few thousand steps at most, for any expression.
  /// `zone` counts unless the expression names one.
  std::optional<std::chrono::sys_seconds> next(std::chrono::sys_seconds after, const TimeZone& zone) const;

  /// systemd's normalized form: `Mon..Fri *-*-* 02:30:00`.  parse() of it gives an equal calendar.
  const std::string& to_string() const { return text_; }

  /// Equal in what is written, not only in what it means: 0..23 is not `*`.
  bool operator==(const Calendar& other) const { return text_ == other.text_; }

 private:
  static constexpr int kFirstYear = 1970, kLastYear = 2199;
  class Parser;
  Calendar() = default;

  std::optional<LocalTime> first_match(LocalTime from) const;
  std::optional<std::chrono::local_days> first_day(std::chrono::local_days from) const;
  std::optional<std::chrono::seconds> first_time(std::chrono::seconds from) const;
  std::uint32_t days_in(std::chrono::year_month in) const;
  std::optional<std::chrono::sys_seconds> next_reached(std::chrono::sys_seconds after, const TimeZone& zone) const;
  std::optional<std::chrono::sys_seconds> next_shown(std::chrono::sys_seconds after, const TimeZone& zone) const;

  std::string text_;
  std::optional<NamedTimeZone> zone_;
  // What matches, a bit each.
  std::bitset<kLastYear - kFirstYear + 1> years_;  // bit 0 is 1970
  std::uint16_t months_ = 0;                       // bit 1 is January
  std::array<std::uint32_t, 4> days_{};            // bit 1 is the first; of months with 28, 29, 30, 31 days
  std::uint8_t weekdays_ = 0;                      // bit 0 is Sunday, as in std::chrono::weekday::c_encoding
  std::uint32_t hours_ = 0;
  std::uint64_t minutes_ = 0, seconds_ = 0;
};

}  // namespace farkeep
