#include "config/schedule.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "unit/config/fake_zone.hpp"

using namespace farkeep;
using namespace farkeep::test;
using std::chrono::floor;

namespace {

constexpr WallTime kNever{};
const sys_seconds kYear = utc(2028, 1, 1), kNextYear = utc(2029, 1, 1);

Schedule schedule(std::string_view text) {
  auto out = Schedule::parse(text);
  INFO(text);
  REQUIRE(out.has_value());
  return *out;
}

/// An expression, and by hand what it means: the days as c_encoding bits and the minute of the day; -1: every hour.
struct Expression {
  std::string_view text;
  unsigned days;
  int minute;
};
constexpr Expression kExpressions[] = {{"hourly", 0x7f, -1},
                                       {"daily 00:00", 0x7f, 0},
                                       {"daily 02:30", 0x7f, 150},
                                       {"daily 23:59", 0x7f, 1439},
                                       {"daily 03:00", 0x7f, 180},
                                       {"weekly mon 02:30", 0x02, 150},
                                       {"weekly sun 02:30", 0x01, 150},
                                       {"mon..fri 02:30", 0x3e, 150},
                                       {"sat..mon 00:15", 0x43, 15},
                                       {"tue 12:00", 0x04, 720},
                                       {"mon,wed,fri 18:00", 0x2a, 1080},
                                       {"fri..thu 01:59", 0x7f, 119},
                                       {"mon..tue,sat 02:00", 0x46, 120}};

/// Every instant of the year at which the expression is due, found without any cleverness: walk through the minutes,
/// and at each look which civil minutes are reached for the first time.
std::vector<sys_seconds> walk(const Expression& e, const TimeZone& zone) {
  std::vector<sys_seconds> out;
  LocalTime reached = zone.local_at(kYear - 1min);
  for (sys_seconds t = kYear; t < kNextYear; t += 1min) {
    LocalTime const now = zone.local_at(t);
    if (e.minute < 0) {
      if (now == floor<std::chrono::hours>(now)) out.push_back(t);
      continue;
    }
    bool due = false;
    for (; reached < now; reached += 1min) {
      LocalTime const minute = reached + 1min;
      auto const day = floor<std::chrono::days>(minute);
      due |=
          (e.days >> std::chrono::weekday{day}.c_encoding() & 1) != 0 && minute - day == std::chrono::minutes{e.minute};
    }
    if (due) out.push_back(t);
  }
  return out;
}

}  // namespace

TEST_CASE("schedule: a year of every expression in every zone is what a walk through its minutes finds") {
  FakeZone const plain{"utc", 0s, {}};
  FakeZone const india{"india", 5h + 30min, {}};
  std::mt19937 random{1};
  for (const FakeZone& zone : {plain, india, berlin(), lord_howe(), beirut(), date_line()}) {
    for (const Expression& e : kExpressions) {
      INFO(zone.name << ": " << e.text);
      Schedule const s = schedule(e.text);
      std::vector<sys_seconds> const expected = walk(e, zone);
      std::vector<sys_seconds> found;
      // Started each time when due: the next time is seen from there.
      for (WallTime t = kYear - 1s;;) {
        WallTime const next = s.next(t, t, zone);
        REQUIRE(next > t);
        if (next >= kNextYear) break;
        found.push_back(floor<seconds>(next));
        t = next;
      }
      CHECK(found == expected);
      for (int i = 0; i < 50; ++i) {
        sys_seconds const from = kYear + seconds{random() % (360 * 86400)};
        auto const next = std::upper_bound(expected.begin(), expected.end(), from);
        if (next != expected.end()) REQUIRE(s.next(from, kNever, zone) == *next);
      }
    }
  }
}

TEST_CASE("schedule: 29 February is a day like any other") {
  FakeZone const zone = berlin();
  CHECK(schedule("daily 02:30").next(utc(2028, 2, 28, 12h), kNever, zone) == utc(2028, 2, 29, 90min));
  CHECK(schedule("weekly tue 02:30").next(utc(2028, 2, 23), kNever, zone) == utc(2028, 2, 29, 90min));
  CHECK(schedule("daily 02:30").next(utc(2027, 2, 28, 12h), kNever, zone) == utc(2027, 3, 1, 90min));
}

TEST_CASE("schedule: a time that summer time skips is due right after the gap, one that is repeated only once") {
  FakeZone const zone = berlin();
  Schedule const s = schedule("daily 02:30");
  CHECK(s.next(utc(2028, 3, 25, 12h), kNever, zone) == utc(2028, 3, 26, 1h));
  CHECK(s.next(utc(2028, 3, 26, 1h), kNever, zone) == utc(2028, 3, 27, 30min));
  CHECK(s.next(utc(2028, 10, 28, 12h), kNever, zone) == utc(2028, 10, 29, 30min));
  CHECK(s.next(utc(2028, 10, 29, 30min), kNever, zone) == utc(2028, 10, 30, 90min));
}

TEST_CASE("schedule: a missed time is due at once, exactly once") {
  FakeZone const zone = berlin();
  Schedule const s = schedule("daily 02:30");
  WallTime const start = utc(2028, 1, 10, 90min), back = utc(2028, 1, 14, 9h + 5s);
  CHECK(s.next(back, start, zone) == back);  // four nights missed
  CHECK(s.next(back + 1ns, back, zone) == utc(2028, 1, 15, 90min));
  WallTime const exactly = utc(2028, 1, 11, 90min);
  CHECK(s.next(exactly - 1ns, start, zone) == exactly);
  CHECK(s.next(exactly, start, zone) == exactly);
}

TEST_CASE("schedule: every counts from the recorded start, wherever the daemon was restarted since") {
  FakeZone const zone = berlin();
  Schedule const s = schedule("every 4h");
  WallTime const start = utc(2028, 1, 10, 7min);
  for (auto later : {0s, 1s, seconds{1h}, seconds{4h - 1s}}) CHECK(s.next(start + later, start, zone) == start + 4h);
  CHECK(s.next(start + 4h, start, zone) == start + 4h);
  CHECK(s.next(start + 50h, start, zone) == start + 50h);
  CHECK(s.next(start + 50h + 1s, start + 50h, zone) == start + 54h);
}

TEST_CASE("schedule: a job that never ran is due at once with every, at its time otherwise") {
  FakeZone const zone = berlin();
  WallTime const now = utc(2028, 1, 10, 12h) + 5ns;
  CHECK(schedule("every 4h").next(now, kNever, zone) == now);
  CHECK(schedule("hourly").next(now, kNever, zone) == utc(2028, 1, 10, 13h));
  CHECK(schedule("daily 02:30").next(now, kNever, zone) == utc(2028, 1, 11, 90min));
}

TEST_CASE("schedule: a start in the future (the clock was set back) does not postpone the next by years") {
  FakeZone const zone = berlin();
  WallTime const now = utc(2028, 1, 10, 12h), future = utc(2038, 1, 1);
  CHECK(schedule("every 4h").next(now, future, zone) == now + 4h);
  CHECK(schedule("daily 02:30").next(now, future, zone) == utc(2028, 1, 11, 90min));
}

TEST_CASE("schedule: the edges of time do not overflow") {
  FakeZone const zone = berlin();
  for (auto text : {"every 52w", "hourly", "weekly mon 02:30"}) {
    Schedule const s = schedule(text);
    CHECK(s.next(WallTime{1ns}, kNever, zone) >= WallTime{1ns});
    CHECK(s.next(WallTime::max(), WallTime::max(), zone) >= WallTime::max() - 1s);
    CHECK(s.next(WallTime::min(), kNever, zone) >= WallTime::min());
    CHECK(s.next(utc(2106, 2, 7), utc(2106, 2, 6), zone) >= utc(2106, 2, 7));
  }
}

TEST_CASE("schedule: a calendar that is over is never due again, unless its last time was missed") {
  FakeZone const zone = berlin();
  Schedule const s = schedule("2028-02-01 04:00");
  WallTime const due = utc(2028, 2, 1, 3h);
  CHECK(s.next(utc(2028, 1, 1), kNever, zone) == due);
  CHECK(s.next(due, kNever, zone) == Schedule::kNever);
  CHECK(s.next(due + 1h, utc(2028, 1, 1), zone) == due + 1h);
  CHECK(s.next(due + 1h, due + 1h, zone) == Schedule::kNever);
  CHECK(schedule("*-02-30").next(utc(2028, 1, 1), kNever, zone) == Schedule::kNever);
}

TEST_CASE("schedule: a zone in the expression wins over the job's") {
  FakeZone const zone = berlin();
  CHECK(schedule("daily 02:30 UTC").next(utc(2028, 7, 1), kNever, zone) == utc(2028, 7, 1, 2h + 30min));
  CHECK(schedule("weekly sat 02:30 Asia/Tokyo").next(utc(2028, 7, 1), kNever, zone) == utc(2028, 7, 7, 17h + 30min));
}

TEST_CASE("schedule: a calendar missed while the machine slept is due once, also over a change of the clock") {
  FakeZone const zone = berlin();
  for (auto text : {"*:0/15", "*-*-* 01..04:0/20", "Sun 02:30", "*-*~3/1 02:15"}) {
    INFO(text);
    Schedule const s = schedule(text);
    for (sys_seconds slept : {utc(2028, 3, 25, 20h), utc(2028, 10, 28, 20h)}) {
      WallTime const woke = slept + 24h * 9 + 7s;
      CHECK(s.next(woke, slept, zone) == woke);
      WallTime const then = s.next(woke, woke, zone);
      CHECK(then > woke);
      CHECK(s.next(then, woke, zone) == then);
      CHECK(s.next(then, then, zone) > then);
    }
  }
}

TEST_CASE("schedule: the clock set back by an hour repeats nothing that ran, and set forward runs once") {
  FakeZone const zone = berlin();
  Schedule const s = schedule("*:0/15");
  WallTime const ran = utc(2028, 1, 10, 12h);
  CHECK(s.next(ran - 1h + 3s, ran, zone) == ran - 45min);  // a start in the future counts as now: not at once
  CHECK(s.next(ran + 50h, ran, zone) == ran + 50h);
  CHECK(s.next(ran + 50h + 1s, ran + 50h, zone) == ran + 50h + 15min);
}

TEST_CASE("schedule: the written form reads back the same") {
  for (auto [text, written] : {std::pair{"every 90s", "every 90s"},
                               {"every 120s", "every 2m"},
                               {"every 24h", "every 1d"},
                               {"every  14d", "every 2w"},
                               {" hourly ", "*-*-* *:00:00"},
                               {"daily  02:30", "*-*-* 02:30:00"},
                               {"\tdaily\t02:30 UTC", "*-*-* 02:30:00 UTC"},
                               {"daily", "*-*-* 00:00:00"},
                               {"daily UTC", "*-*-* 00:00:00 UTC"},
                               {"weekly", "Mon *-*-* 00:00:00"},
                               {"weekly mon 02:30", "Mon *-*-* 02:30:00"},
                               {"mon..wed 02:05", "Mon..Wed *-*-* 02:05:00"},
                               {"sun,sat 23:00", "Sat,Sun *-*-* 23:00:00"},
                               {"mon..sun 01:00", "*-*-* 01:00:00"},
                               {"Mon *-05~07/1", "Mon *-05~07/1 00:00:00"}}) {
    CHECK(schedule(text).to_string() == written);
    CHECK(schedule(written) == schedule(text));
  }
}

TEST_CASE("schedule: what is refused names the text and what is wrong with it") {
  for (auto [text, why] : {std::pair{"", "nothing is written"},
                           {"every", "is not a duration"},
                           {"every 4h 2h", "is not a duration"},
                           {"every 30s", "is not between 1m and 52w"},
                           {"every 53w", "is not between 1m and 52w"},
                           {"nightly", "write days as Mon..Fri"},
                           {"hourly 02:30", "cannot read \"hourly 02:30\""},
                           {"daily 24:00", "the hour is 0 to 23, not 24"},
                           {"daily 2027-02-01", "cannot read"},
                           {"weekly 02:30", "cannot read"},
                           {"weekly mon", "cannot read"},
                           {"weekly mon..fri 02:30", "cannot read"},
                           {"daily 02:30 Berlin", "did you mean Europe/Berlin?"}}) {
    auto const out = Schedule::parse(text);
    INFO(text);
    REQUIRE_FALSE(out.has_value());
    CHECK_THAT(out.error().text, Catch::StartsWith("\"" + std::string{text} + "\" is not") && Catch::Contains(why));
  }
}
