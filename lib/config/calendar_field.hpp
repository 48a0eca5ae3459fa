#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace farkeep {

/// Which part of a calendar expression: its name in messages, and the values it may have.
struct CalendarFieldKind {
  std::string_view name;
  int least, most;
  int digits;              ///< of a written value; the year alone has four
  bool from_end = false;   ///< behind `~`: 1 is the last day of the month, and values count backwards
  bool is_second = false;  ///< where 0/1 is written `*`
};

inline constexpr CalendarFieldKind kYearField{"year", 1970, 2199, 4};
inline constexpr CalendarFieldKind kMonthField{"month", 1, 12, 2};
inline constexpr CalendarFieldKind kDayField{"day", 1, 31, 2};
inline constexpr CalendarFieldKind kLastDayField{"day behind ~", 1, 28, 2, true};
inline constexpr CalendarFieldKind kHourField{"hour", 0, 23, 2};
inline constexpr CalendarFieldKind kMinuteField{"minute", 0, 59, 2};
inline constexpr CalendarFieldKind kSecondField{"second", 0, 59, 2, false, true};

/// One part of a calendar expression: `*`, or a list of `3`, `3..7`, `3/2` (3 5 7 …), `3..9/2`.
///
///   1. read() takes the characters    2. settle() makes the list normal and checks it, once the kind is known
///   3. to_string() and values_from() say what it means
class CalendarField {
 public:
  /// Exactly one value.
  static CalendarField only(int value);

  /// Takes a list or `*` off the front of `text`; at a mistake says what it is.
  std::optional<std::string> read(std::string_view& text);

  /// Sorted and without equals, ranges cut to their last value, two-digit years in full; or what is wrong for `kind`.
  std::optional<std::string> settle(const CalendarFieldKind& kind);

  std::string to_string(const CalendarFieldKind& kind) const;

  /// A bit for each value from `least` (bit 0) to `most`, at most 64 of them, of any kind but days behind `~`.
  std::uint64_t values_from(int least, int most) const;

  /// Days behind `~`: a bit for each day (bit 1 is the first) of a month with so many days.
  std::uint64_t days_of(int length) const;

  bool is_any() const { return items_.empty(); }

 private:
  static constexpr int kNone = -1;
  struct Item {
    int first = 0;
    int last = kNone;  // kNone: as far as the kind goes if there is a step, and else only `first`
    int step = 0;
    auto operator<=>(const Item&) const = default;

    std::string written() const;
  };

  std::vector<Item> items_;  // none: *
};

}  // namespace farkeep
