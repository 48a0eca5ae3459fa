#include "config/weekdays.hpp"

#include <algorithm>

#include "config/ascii.hpp"
#include "config/parsed.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kDays[] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};

/// Letters off the front: the name of a day, in full or its first three.
std::optional<unsigned> take_day(std::string_view& text) {
  auto const end = std::find_if_not(text.begin(), text.end(), ascii::is_letter);
  std::string_view const word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  for (unsigned i = 0; i < std::size(kDays); ++i) {
    if (!ascii::same(word, kDays[i]) && !ascii::same(word, kDays[i].substr(0, 3))) continue;
    text.remove_prefix(word.size());
    return i;
  }
  return std::nullopt;
}

std::string no_day(std::string_view text) {
  return (text.empty() ? "a day is missing at the end" : "cannot read " + in_quotes(text)) +
         ": write days as Mon..Fri or Sat,Sun, or one of hourly daily weekly monthly yearly";
}

}  // namespace

std::optional<std::string> take_weekdays(std::string_view& text, Weekdays& days) {
  auto const at_end = [&] { return text.empty() || text[0] == ' '; };
  days = 0;
  do {
    auto const first = take_day(text);
    if (!first) return no_day(text);
    auto last = first;
    if (ascii::take(text, "..") || ascii::take(text, "-")) last = take_day(text);
    if (!last) return no_day(text);
    for (unsigned day = *first;; day = (day + 1) % 7) {
      days = static_cast<Weekdays>(days | 1u << day);
      if (day == *last) break;
    }
  } while (ascii::take(text, ",") && !at_end());
  if (!at_end()) return "cannot read " + in_quotes(text) + " behind the days of the week";
  return std::nullopt;
}

bool begins_with_weekday(std::string_view text) { return take_day(text).has_value(); }

}  // namespace farkeep
