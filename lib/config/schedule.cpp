#include "config/schedule.hpp"

#include <algorithm>
#include <utility>

#include "config/parsed.hpp"

namespace farkeep {
namespace {

using namespace std::chrono;

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

std::string_view first_word(std::string_view text) { return text.substr(0, text.find_first_of(kBlank)); }

std::string_view behind(std::string_view word, std::string_view text) { return trimmed(text.substr(word.size())); }

bool is_time(std::string_view word) { return word.find(':') != word.npos && word.find_first_of("-~") == word.npos; }

/// What `daily 02:30` and `weekly mon 02:30` say as a calendar: the day, if any, and the time.
std::string_view as_calendar(std::string_view text) {
  std::string_view const first = first_word(text), rest = behind(first, text);
  if (first == "daily" && is_time(first_word(rest))) return rest;
  std::string_view const day = first_word(rest);
  bool const one_day = day.find_first_of(".,-:") == day.npos;
  if (first == "weekly" && one_day && is_time(first_word(behind(day, rest)))) return rest;
  return text;
}

WallTime to_wall(sys_seconds t) { return t > floor<seconds>(Schedule::kNever) ? Schedule::kNever : WallTime{t}; }

}  // namespace

Value<Schedule> Schedule::parse(std::string_view written) {
  std::string_view const text = trimmed(written), first = first_word(text);
  auto const malformed = [&](std::string_view why) {
    return refused(in_quotes(text) + " is not a schedule such as every 4h, daily 02:30, mon..fri 02:30 or *-*-01 04:00: " +
                   std::string{why});
  };
  Schedule out;
  if (first == "every") {
    auto const period = parse_duration(behind(first, text));
    if (!period) return malformed(period.error().text);
    if (*period < minutes{1} || *period > weeks{52}) return refused(in_quotes(text) + " is not between 1m and 52w");
    out.period_ = *period;
    return out;
  }
  auto calendar = Calendar::parse(as_calendar(text));
  if (!calendar) return malformed(calendar.error().text);
  out.calendar_ = std::move(*calendar);
  return out;
}

WallTime Schedule::next(WallTime after, WallTime last_start, const TimeZone& zone) const {
  bool const ran = last_start != WallTime{};
  if (!calendar_ && !ran) return after;
  sys_seconds const base = floor<seconds>(ran ? std::min(last_start, after) : after);
  auto const due = calendar_ ? calendar_->next(base, zone) : base + period_;
  if (!due) return kNever;
  return *due <= floor<seconds>(after) ? after : to_wall(*due);
}

std::string Schedule::to_string() const {
  if (calendar_) return calendar_->to_string();
  static constexpr std::pair<seconds, char> kUnits[] = {
      {weeks{1}, 'w'}, {days{1}, 'd'}, {hours{1}, 'h'}, {minutes{1}, 'm'}};
  for (auto const& [unit, letter] : kUnits) {
    if (period_ % unit == seconds{0}) return "every " + std::to_string(period_ / unit) + letter;
  }
  return "every " + std::to_string(period_.count()) + "s";
}

}  // namespace farkeep
