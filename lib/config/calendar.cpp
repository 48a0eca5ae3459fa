#include "config/calendar.hpp"

#include <algorithm>
#include <bit>

namespace farkeep {

using namespace std::chrono;

namespace {

constexpr std::uint32_t kEveryHour = 0xff'ffff;
constexpr hours kWidestOffset{24};  // no offset from UTC is larger: TimeZone

/// The lowest bit of `bits` that is `from` or more.
std::optional<int> lowest(std::uint64_t bits, int from) {
  if (from > 63) return std::nullopt;
  bits = bits >> from << from;
  return bits == 0 ? std::nullopt : std::optional{std::countr_zero(bits)};
}

}  // namespace

std::optional<sys_seconds> Calendar::next(sys_seconds after, const TimeZone& job_zone) const {
  // Beyond the years that match nothing has to be computed, and nothing can overflow.
  constexpr sys_seconds kBefore = sys_days{year{kFirstYear} / 1 / 1} - 2 * kWidestOffset;
  constexpr sys_seconds kBehind = sys_days{year{kLastYear + 1} / 1 / 1} + 2 * kWidestOffset;
  if (after >= kBehind) return std::nullopt;
  after = std::max(after, kBefore);
  const TimeZone& zone = zone_ ? *zone_ : job_zone;
  return hours_ == kEveryHour ? next_shown(after, zone) : next_reached(after, zone);
}

// The next civil time that was not reached yet.
std::optional<sys_seconds> Calendar::next_reached(sys_seconds after, const TimeZone& zone) const {
  auto const civil = first_match(zone.furthest_by(after) + seconds{1});
  if (!civil) return std::nullopt;
  return std::max(zone.first_instant_of(*civil), after + seconds{1});  // even in a zone that breaks TimeZone's rules
}

// The next match within a straight piece of local time.
std::optional<sys_seconds> Calendar::next_shown(sys_seconds after, const TimeZone& zone) const {
  for (sys_seconds from = after + seconds{1};;) {
    LocalTime const now = zone.local_at(from);
    auto const match = first_match(now);
    seconds const wait = match ? *match - now : 2 * kWidestOffset;
    sys_seconds const until = zone.next_change(from, from + std::min<seconds>(wait + seconds{1}, 2 * kWidestOffset));
    if (match && wait < until - from) return from + wait;
    bool const straight = until - from == 2 * kWidestOffset;
    from = until;
    if (!straight) continue;
    // From here on no clock goes back behind `now`, and none shows the match before its widest offset.
    if (!match) return std::nullopt;
    from = std::max(from, sys_seconds{match->time_since_epoch()} - kWidestOffset);
  }
}

/// The first civil time that matches, `from` or later.
std::optional<LocalTime> Calendar::first_match(LocalTime from) const {
  local_days const today = std::max(floor<days>(from), local_days{year{kFirstYear} / 1 / 1});
  auto day = first_day(today);
  if (day == today) {
    if (auto const time = first_time(std::max(from, LocalTime{today}) - today)) return today + *time;
    day = first_day(today + days{1});
  }
  return day ? std::optional<LocalTime>{*day + *first_time(seconds{0})} : std::nullopt;
}

std::optional<local_days> Calendar::first_day(local_days from) const {
  year_month_day const start{from};
  int first = static_cast<int>(static_cast<unsigned>(start.day()));
  unsigned m = static_cast<unsigned>(start.month());
  for (int y = static_cast<int>(start.year()); y <= kLastYear; ++y, m = 1) {
    if (!years_[static_cast<std::size_t>(y - kFirstYear)]) {
      first = 1;
      continue;
    }
    for (; m <= 12; ++m, first = 1) {
      if ((months_ >> m & 1) == 0) continue;
      year_month const in{year{y}, month{m}};
      if (auto const found = lowest(days_in(in), first)) return local_days{in / day{static_cast<unsigned>(*found)}};
    }
  }
  return std::nullopt;
}

/// The days of a month that match in number and in weekday: bit 1 is the first.
std::uint32_t Calendar::days_in(year_month in) const {
  auto const length = static_cast<unsigned>((in / last).day());
  unsigned const begins = weekday{local_days{in / 1}}.c_encoding();
  // The week from the month's first weekday on, five times.
  std::uint64_t const week = (weekdays_ >> begins | weekdays_ << (7 - begins)) & 0x7f;
  std::uint64_t const weeks = week * (1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28);
  return days_[length - 28] & static_cast<std::uint32_t>(weeks << 1);
}

/// The first time of a day that matches, `from` or later.
std::optional<seconds> Calendar::first_time(seconds from) const {
  hh_mm_ss const t{from};
  auto const at = [](int h, int m, int s) { return hours{h} + minutes{m} + seconds{s}; };
  int const hour = static_cast<int>(t.hours().count()), minute = static_cast<int>(t.minutes().count());
  int const first_minute = std::countr_zero(minutes_), first_second = std::countr_zero(seconds_);
  if ((hours_ >> hour & 1) != 0) {
    if ((minutes_ >> minute & 1) != 0) {
      if (auto const s = lowest(seconds_, static_cast<int>(t.seconds().count()))) return at(hour, minute, *s);
    }
    if (auto const m = lowest(minutes_, minute + 1)) return at(hour, *m, first_second);
  }
  auto const h = lowest(hours_, hour + 1);
  return h ? std::optional<seconds>{at(*h, first_minute, first_second)} : std::nullopt;
}

}  // namespace farkeep
