#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "unit/config/calendar_text.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono;

namespace {

/// An expression of which the meaning is known without reading it.
struct Meaning {
  std::string text;
  std::set<int> years, months, days, weekdays, hours, minutes, seconds;  // empty: any; weekdays in c_encoding
  bool from_end = false;

  bool matches_day(local_days day) const {
    year_month_day const d{day};
    int const length = static_cast<int>(static_cast<unsigned>((d.year() / d.month() / last).day()));
    int const number = static_cast<int>(static_cast<unsigned>(d.day()));
    auto const in = [](const std::set<int>& set, int v) { return set.empty() || set.contains(v); };
    return in(years, static_cast<int>(d.year())) && in(months, static_cast<int>(static_cast<unsigned>(d.month()))) &&
           in(days, from_end ? length + 1 - number : number) &&
           in(weekdays, static_cast<int>(weekday{day}.c_encoding()));
  }
  bool matches(LocalTime t) const {
    auto const in = [](const std::set<int>& set, std::int64_t v) {
      return set.empty() || set.contains(static_cast<int>(v));
    };
    hh_mm_ss const time{t - floor<std::chrono::days>(t)};
    return in(hours, time.hours().count()) && in(minutes, time.minutes().count()) &&
           in(seconds, time.seconds().count()) && matches_day(floor<std::chrono::days>(t));
  }
  bool every_hour() const { return hours.empty() || hours.size() == 24; }
};

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  /// Often due: for walks through hours.  Otherwise all of the years.
  Meaning make(bool often) {
    Meaning out;
    static constexpr const char* kNames[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    if (chance(often ? 10 : 40)) {
      for (int i = 0; i < 7; ++i) {
        if (chance(40)) out.weekdays.insert(i);
      }
      for (int i : out.weekdays) (out.text += out.text.empty() ? "" : ",") += kNames[i];
      if (!out.weekdays.empty()) out.text += ' ';
    }
    out.from_end = !often && chance(25);
    out.text += (often ? "*" : part(out.years, 2020, 2060, 30)) + "-" + (often ? "*" : part(out.months, 1, 12, 50)) +
                (out.from_end ? "~" : "-") + part(out.days, 1, out.from_end ? 28 : 31, often ? 10 : 60);
    out.from_end &= !out.days.empty();
    out.text += " " + part(out.hours, 0, 23, 70) + ":" + part(out.minutes, 0, 59, 70);
    if (often || chance(30)) {
      out.text += ":" + part(out.seconds, 0, 59, 80);
    } else {
      out.seconds = {0};
    }
    return out;
  }
  seconds within(seconds length) {
    return seconds{static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(length.count()))};
  }

 private:
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  int number(int least, int most) {
    return least + static_cast<int>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }

  /// `*`, or a list of values, ranges and steps; the values go into `set`.
  std::string part(std::set<int>& set, int least, int most, unsigned percent) {
    if (!chance(percent)) return "*";
    std::string out;
    for (int i = number(1, 3); i > 0; --i) {
      int const a = number(least, most - 1), b = number(a + 1, most), step = number(1, b - a);
      out += (out.empty() ? "" : ",") + std::to_string(a);
      bool const ranged = chance(40), stepped = ranged && chance(50);
      if (ranged) out += ".." + std::to_string(b);
      if (stepped) out += "/" + std::to_string(step);
      for (int v = a; v <= (ranged ? b : a); v += stepped ? step : 1) set.insert(v);
    }
    return out;
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("calendar: what is due is what a walk through the days of forty years finds") {
  Maker maker{1};
  for (int i = 0; i < 1500; ++i) {
    Meaning const m = maker.make(false);
    INFO(m.text);
    Calendar const c = calendar(m.text);
    sys_seconds const from = utc(2020, 1, 1) + maker.within(24h * 14000);
    std::optional<sys_seconds> expected;
    for (sys_days day = floor<days>(from); !expected && day < utc(2062, 1, 1); day += days{1}) {
      if (!m.matches_day(local_days{day.time_since_epoch()})) continue;
      for (sys_seconds t = std::max<sys_seconds>(day, from + 1s); !expected && t < day + days{1}; t += 1s) {
        if (m.matches(LocalTime{t.time_since_epoch()})) expected = t;
      }
    }
    if (m.years.empty() && !expected) continue;  // perhaps later
    REQUIRE(c.next(from, kUtc) == expected);
    CHECK(calendar(c.to_string()).next(from, kUtc) == expected);
  }
}

TEST_CASE("calendar: what is due around a change of the clock is what a walk through the seconds finds") {
  Maker maker{2};
  for (const FakeZone& zone : {berlin(), lord_howe(), beirut(), date_line(), odd()}) {
    for (int i = 0; i < 40; ++i) {
      Meaning const m = maker.make(true);
      INFO(zone.name << ": " << m.text);
      Calendar const c = calendar(m.text);
      static const sys_seconds kChanges[] = {utc(2028, 3, 26, 1h),  utc(2028, 10, 29, 1h), utc(2028, 4, 1, 15h),
                                             utc(2028, 9, 30, 15h), utc(2028, 3, 25, 22h), utc(2028, 10, 28, 21h),
                                             utc(2028, 6, 15, 10h), utc(2028, 8, 10, 10h), utc(2028, 5, 1, 3h)};
      sys_seconds middle{};
      do middle = kChanges[maker.within(seconds{std::size(kChanges)}).count()];
      while (zone.offset_at(middle - 2h) == zone.offset_at(middle + 2h));
      sys_seconds const from = middle - 30h + maker.within(35h), until = from + 8h;
      // At each second look which civil seconds are shown for the first time.
      LocalTime reached = zone.furthest_by(from);
      std::optional<sys_seconds> expected;
      for (sys_seconds t = from + 1s; !expected && t <= until; t += 1s) {
        LocalTime const now = zone.local_at(t);
        bool due = m.every_hour() && m.matches(now);
        for (; reached < now; reached += 1s) due |= !m.every_hour() && m.matches(reached + 1s);
        if (due) expected = t;
      }
      auto const found = c.next(from, zone);
      if (expected || (found && *found <= until)) REQUIRE(found == expected);
    }
  }
}

TEST_CASE("calendar: from one time to the next it always goes forward, and from in between to the same") {
  Maker maker{3};
  NamedTimeZone const zones[] = {named("Europe/Berlin"), named("Pacific/Apia"), named("Australia/Lord_Howe"),
                                 named("UTC")};
  for (int i = 0; i < 400; ++i) {
    Meaning const m = maker.make(i % 2 == 0);
    const TimeZone& zone = zones[i % 4];
    INFO(m.text);
    Calendar const c = calendar(m.text);
    sys_seconds at = utc(2009, 1, 1) + maker.within(24h * 3650);
    for (int k = 0; k < 50; ++k) {
      auto const next = c.next(at, zone);
      if (!next) break;
      REQUIRE(*next > at);
      REQUIRE(c.next(at + maker.within(*next - at), zone) == next);
      REQUIRE(c.next(*next - 1s, zone) == next);
      at = *next;
    }
  }
}
