#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/value.hpp"
#include "config/weekdays.hpp"
#include "config/zone.hpp"

namespace farkeep {

/// A stretch of civil time that comes again every week: `22:00-06:00`, `mon..fri 08:00-18:00`, `sat,sun 00:00-24:00`.
///
/// Days are those on which it begins; one whose end is not after its beginning reaches into the next day.  The end is outside.
class WeeklySpan {
 public:
  static Value<WeeklySpan> parse(std::string_view text);
  bool contains(LocalTime local) const;
  /// In the words of the grammar; parse() of it gives an equal span.
  std::string to_string() const;
  bool operator==(const WeeklySpan&) const = default;

 private:
  friend std::optional<std::chrono::sys_seconds> next_with(std::span<const WeeklySpan>, bool, std::chrono::sys_seconds, const TimeZone&);

  Weekdays days_ = kAllWeekdays;
  std::chrono::minutes begin_{0};   // since midnight
  std::chrono::minutes length_{0};  // at most a day
};

/// The first instant at or after `from` at which local time lies in one of the spans (`inside`) or in none of them; nothing: never.
/// Local time that is skipped or repeated counts as the clock on the wall shows it.
std::optional<std::chrono::sys_seconds> next_with(std::span<const WeeklySpan> spans, bool inside, std::chrono::sys_seconds from, const TimeZone& zone);

}  // namespace farkeep
