#include "config/weekly_span.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "config/parsed.hpp"
#include "config/weekdays.hpp"

namespace farkeep {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> kDayNames{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr minutes kDay{24 * 60};

// HH:MM, 00:00 to 24:00.
std::optional<minutes> read_time(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 99; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hour = digit(0) * 10 + digit(1), minute = digit(3) * 10 + digit(4);
  if (hour > 24 || minute > 59 || (hour == 24 && minute > 0)) return std::nullopt;
  return minutes{hour * 60 + minute};
}

bool inside_any(std::span<const WeeklySpan> spans, LocalTime local) {
  return std::any_of(spans.begin(), spans.end(), [&](const WeeklySpan& s) { return s.contains(local); });
}

}  // namespace

Value<WeeklySpan> WeeklySpan::parse(std::string_view text) {
  const ValueError malformed = refused(in_quotes(text) + " is no stretch of time: write 22:00-06:00, or mon..fri 08:00-18:00");
  WeeklySpan out;
  const std::size_t blank = text.find_last_of(" \t");
  const std::string_view times = blank == text.npos ? text : text.substr(blank + 1);
  if (blank != text.npos) {
    std::string_view days = text.substr(0, blank);
    while (days.ends_with(' ') || days.ends_with('\t')) days.remove_suffix(1);
    const bool is_list = !days.ends_with(',') && !take_weekdays(days, out.days_) && days.empty();
    if (!is_list) return malformed;
  }
  if (times.size() != 11 || times[5] != '-') return malformed;
  const auto begin = read_time(times.substr(0, 5)), end = read_time(times.substr(6));
  if (!begin || !end || *begin == kDay) return malformed;
  if (*begin == *end) return refused(in_quotes(text) + " is empty: a whole day is 00:00-24:00");
  out.begin_ = *begin;
  out.length_ = *end > *begin ? *end - *begin : *end + kDay - *begin;
  return out;
}

bool WeeklySpan::contains(LocalTime local) const {
  const local_days today = floor<days>(local);
  for (const local_days day : {today, today - days{1}}) {
    if ((days_ >> weekday{day}.c_encoding() & 1) == 0) continue;
    const LocalTime begin = day + begin_;
    if (local >= begin && local < begin + length_) return true;
  }
  return false;
}

std::string WeeklySpan::to_string() const {
  std::string out;
  for (unsigned i = 1; i <= 7 && days_ != kAllWeekdays; ++i) {  // from Monday
    if ((days_ >> (i % 7) & 1) != 0) (out += out.empty() ? "" : ",") += kDayNames[i % 7];
  }
  const auto end = begin_ + length_ == kDay ? kDay : (begin_ + length_) % kDay;
  char text[32];
  std::snprintf(text, sizeof text, "%s%02d:%02d-%02d:%02d", out.empty() ? "" : " ", static_cast<int>(begin_.count() / 60), static_cast<int>(begin_.count() % 60),
                static_cast<int>(end.count() / 60), static_cast<int>(end.count() % 60));
  return out + text;
}

// Whether local time is inside changes only where a span begins or ends, or where the zone's offset changes: those instants are looked at in turn.
std::optional<sys_seconds> next_with(std::span<const WeeklySpan> spans, bool inside, sys_seconds from, const TimeZone& zone) {
  if (inside_any(spans, zone.local_at(from)) == inside) return from;
  const sys_seconds until = from + days{9};  // a week, and what a zone may shift at its ends
  std::set<sys_seconds> edges;
  std::set<seconds> offsets{zone.offset_at(from)};
  for (sys_seconds change = zone.next_change(from, until); change < until; change = zone.next_change(change, until)) {
    edges.insert(change);
    offsets.insert(zone.offset_at(change));
  }
  const local_days first = floor<days>(zone.local_at(from)) - days{2};
  for (const WeeklySpan& s : spans) {
    for (local_days day = first; day < first + days{13}; day += days{1}) {
      for (const seconds offset : offsets) {
        const sys_seconds begin{(day + s.begin_).time_since_epoch() - offset};
        edges.insert(begin);
        edges.insert(begin + s.length_);
      }
    }
  }
  for (auto edge = edges.lower_bound(from); edge != edges.end(); ++edge)
    if (inside_any(spans, zone.local_at(*edge)) == inside) return *edge;
  return std::nullopt;
}

}  // namespace farkeep
