#include "config/schedule.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "config/parsed.hpp"

namespace farkeep {
namespace {

using namespace std::chrono;

constexpr std::string_view kForm =
    " is not a schedule: write every 4h, hourly, daily 02:30, weekly mon 02:30 or mon..fri 02:30";
constexpr std::array<std::string_view, 7> kDays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::uint8_t kAllDays = 0x7f;

/// The next word, taken off the front together with the blanks before it; empty at the end.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::string_view const word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

/// HH:MM, 00:00 to 23:59.
std::optional<minutes> read_time(std::string_view text) {
  auto const digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 99; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  int const hour = digit(0) * 10 + digit(1), minute = digit(3) * 10 + digit(4);
  if (hour > 23 || minute > 59) return std::nullopt;
  return minutes{hour * 60 + minute};
}

std::optional<unsigned> read_day(std::string_view text) {
  auto const found = std::find(kDays.begin(), kDays.end(), text);
  return found == kDays.end() ? std::nullopt : std::optional{static_cast<unsigned>(found - kDays.begin())};
}

/// `mon`, `mon..fri`, `mon,wed,sat..sun`: a bit for each day.
std::optional<std::uint8_t> read_days(std::string_view text) {
  unsigned days = 0;
  for (bool more = true; more;) {
    std::size_t const comma = text.find(',');
    std::string_view const item = text.substr(0, comma);
    std::size_t const dots = item.find("..");
    auto const first = read_day(item.substr(0, dots));
    auto const last = dots == item.npos ? first : read_day(item.substr(dots + 2));
    if (!first || !last) return std::nullopt;
    unsigned day = *first;
    days |= 1u << day;
    while (day != *last) {
      day = (day + 1) % 7;
      days |= 1u << day;
    }
    more = comma != text.npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return static_cast<std::uint8_t>(days);
}

WallTime to_wall(sys_seconds t) {
  constexpr sys_seconds kLast = floor<seconds>(WallTime::max());
  return WallTime{std::min(t, kLast)};
}

}  // namespace

Value<Schedule> Schedule::parse(std::string_view text) {
  ValueError const malformed = refused(quoted(text) + std::string{kForm});
  std::string_view rest = text;
  std::string_view const first = take_word(rest);
  Schedule out;
  if (first == "hourly") {
    if (!take_word(rest).empty()) return malformed;
    return out;
  }
  if (first == "every") {
    auto const period = parse_duration(take_word(rest));
    if (!period || !take_word(rest).empty()) return malformed;
    if (*period < minutes{1} || *period > weeks{52}) return refused(quoted(text) + " is not between 1m and 52w");
    out.kind_ = Kind::every;
    out.period_ = *period;
    return out;
  }
  out.kind_ = Kind::days;
  if (first == "daily") {
    out.days_ = kAllDays;
  } else if (first == "weekly") {
    auto const day = read_day(take_word(rest));
    if (!day) return refused(quoted(text) + " needs one day of mon tue wed thu fri sat sun behind weekly");
    out.days_ = static_cast<std::uint8_t>(1u << *day);
  } else {
    auto const days = read_days(first);
    if (!days) return malformed;
    out.days_ = *days;
  }
  auto const time = read_time(take_word(rest));
  if (!time || !take_word(rest).empty())
    return refused(quoted(text) + " needs one time of day, 00:00 to 23:59, at its end");
  out.time_ = *time;
  return out;
}

std::optional<LocalTime> Schedule::next_after(LocalTime local) const {
  if (kind_ == Kind::every) return std::nullopt;
  if (kind_ == Kind::hourly) return floor<hours>(local) + hours{1};
  local_days day = floor<days>(local);
  for (int i = 0; i < 7; ++i, day += days{1}) {
    LocalTime const candidate = day + time_;
    if (candidate > local && (days_ >> weekday{day}.c_encoding() & 1) != 0) return candidate;
  }
  return day + time_;  // a week later: the only day is today, and its time is over
}

WallTime Schedule::next(WallTime after, WallTime last_start, const TimeZone& zone) const {
  bool const ran = last_start != WallTime{};
  sys_seconds const now = floor<seconds>(after);
  sys_seconds const base = floor<seconds>(ran ? std::min(last_start, after) : after);
  if (kind_ == Kind::every && !ran) return after;
  sys_seconds const due = kind_ == Kind::every ? base + period_ : next_instant(base, zone);
  return due <= now ? after : to_wall(due);
}

// The first due instant strictly after `after`.
sys_seconds Schedule::next_instant(sys_seconds after, const TimeZone& zone) const {
  if (kind_ == Kind::hourly) {
    // The first full hour within a straight piece of local time; two hours hold one unless the offset changes.
    sys_seconds from = after + seconds{1};
    for (;;) {
      sys_seconds const until = zone.next_change(from, from + hours{2});
      seconds const offset = zone.offset_at(from);
      sys_seconds const full = ceil<hours>(from + offset) - offset;
      if (full < until) return full;
      from = until;
    }
  }
  // first_instant_of() never decreases as the civil time grows, and the civil time at `after` was reached by then.
  LocalTime civil = zone.local_at(after);
  for (;;) {
    civil = *next_after(civil);
    sys_seconds const instant = zone.first_instant_of(civil);
    if (instant > after) return instant;
  }
}

std::string Schedule::to_string() const {
  if (kind_ == Kind::hourly) return "hourly";
  if (kind_ == Kind::every) {
    static constexpr std::pair<seconds, char> kUnits[] = {
        {weeks{1}, 'w'}, {days{1}, 'd'}, {hours{1}, 'h'}, {minutes{1}, 'm'}};
    for (auto const& [unit, letter] : kUnits) {
      if (period_ % unit == seconds{0}) return "every " + std::to_string(period_ / unit) + letter;
    }
    return "every " + std::to_string(period_.count()) + "s";
  }
  std::string out;
  for (unsigned i = 1; i <= 7; ++i) {  // from Monday
    if ((days_ >> (i % 7) & 1) != 0) (out += out.empty() ? "" : ",") += kDays[i % 7];
  }
  if (days_ == kAllDays) out = "daily";
  char time[16];
  std::snprintf(time, sizeof time, " %02d:%02d", static_cast<int>(time_.count() / 60),
                static_cast<int>(time_.count() % 60));
  return out + time;
}

}  // namespace farkeep
