#include "config/calendar.hpp"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "unit/config/calendar_text.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono;

namespace {

/// The instants at which it is due in a time, both ends included.
std::vector<sys_seconds> due_in(std::string_view text, const TimeZone& zone, sys_seconds from, sys_seconds until) {
  std::vector<sys_seconds> out;
  Calendar const c = calendar(text);
  for (auto at = c.next(from - 1s, zone); at && *at <= until; at = c.next(*at, zone)) out.push_back(*at);
  return out;
}

using Instants = std::vector<sys_seconds>;

}  // namespace

TEST_CASE("calendar: what systemd.time(7) shows, and its normalized form") {
  for (auto [text, normal] : {std::pair{"Thu,Fri 2012-*-1,5 11:12:13", "Thu,Fri 2012-*-01,05 11:12:13"},
                              {"Sat,Thu,Mon..Wed,Sat..Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00"},
                              {"Mon,Sun 12-*-* 2,1:23", "Mon,Sun 2012-*-* 01,02:23:00"},
                              {"Wed *-1", "Wed *-*-01 00:00:00"},
                              {"Wed..Wed,Wed *-1", "Wed *-*-01 00:00:00"},
                              {"Wed, 17:48", "Wed *-*-* 17:48:00"},
                              {"Wed..Sat,Tue 12-10-15 1:2:3", "Tue..Sat 2012-10-15 01:02:03"},
                              {"*-*-7 0:0:0", "*-*-07 00:00:00"},
                              {"10-15", "*-10-15 00:00:00"},
                              {"monday *-12-* 17:00", "Mon *-12-* 17:00:00"},
                              {"Mon,Fri *-*-3,1,2 *:30:45", "Mon,Fri *-*-01,02,03 *:30:45"},
                              {"12,14,13,12:20,10,30", "*-*-* 12,13,14:10,20,30:00"},
                              {"12..14:10,20,30", "*-*-* 12..14:10,20,30:00"},
                              {"mon,fri *-1/2-1,3 *:30:45", "Mon,Fri *-01/2-01,03 *:30:45"},
                              {"03-05 08:05:40", "*-03-05 08:05:40"},
                              {"08:05:40", "*-*-* 08:05:40"},
                              {"05:40", "*-*-* 05:40:00"},
                              {"Sat,Sun 12-05 08:05:40", "Sat,Sun *-12-05 08:05:40"},
                              {"Sat,Sun 08:05:40", "Sat,Sun *-*-* 08:05:40"},
                              {"2003-03-05 05:40", "2003-03-05 05:40:00"},
                              {"2003-02..04-05", "2003-02..04-05 00:00:00"},
                              {"2003-03-05 05:40 UTC", "2003-03-05 05:40:00 UTC"},
                              {"2003-03-05", "2003-03-05 00:00:00"},
                              {"03-05", "*-03-05 00:00:00"},
                              {"hourly", "*-*-* *:00:00"},
                              {"daily", "*-*-* 00:00:00"},
                              {"daily UTC", "*-*-* 00:00:00 UTC"},
                              {"monthly", "*-*-01 00:00:00"},
                              {"weekly", "Mon *-*-* 00:00:00"},
                              {"weekly Pacific/Auckland", "Mon *-*-* 00:00:00 Pacific/Auckland"},
                              {"yearly", "*-01-01 00:00:00"},
                              {"annually", "*-01-01 00:00:00"},
                              {"*:2/3", "*-*-* *:02/3:00"},
                              {"*-02~03", "*-02~03 00:00:00"},
                              {"Mon *-05~07/1", "Mon *-05~07/1 00:00:00"},
                              {"minutely", "*-*-* *:*:00"},
                              {"quarterly", "*-01,04,07,10-01 00:00:00"},
                              {"semiannually", "*-01,07-01 00:00:00"}}) {
    INFO(text);
    CHECK(calendar(text).to_string() == normal);
    CHECK(calendar(normal) == calendar(text));
  }
}

TEST_CASE("calendar: what is read beyond systemd") {
  CHECK(calendar("Sat..Mon 02:30").to_string() == "Mon,Sat,Sun *-*-* 02:30:00");  // over the end of the week
  CHECK(calendar("Fri..Thu").to_string() == "*-*-* 00:00:00");
  CHECK(calendar("0:0:5..5").to_string() == "*-*-* 00:00:05");
}

TEST_CASE("calendar: a mistake is a sentence that says what to write") {
  const std::string many = [] {
    std::string out = "*:0";
    for (int i = 0; i < 240; ++i) out += ",1";
    return out;
  }();
  for (auto [text, why] : {std::pair<std::string_view, const char*>{"", "nothing is written"},
                           {" UTC", "nothing is written"},
                           {"nightly", "cannot read \"nightly\": write days as Mon..Fri"},
                           {"Mon.. 12:00", "write days as"},
                           {"Mon..", "a day is missing at the end"},
                           {"Mon..Wed..Fri", "behind the days of the week"},
                           {"Mon,,Fri", "write days as"},
                           {"30 2 * * *", "a date is 2027-02-01, *-*-01 or 12-24, a time 04:00"},
                           {"7", "a time 04:00"},
                           {"2016~11-22", "a date is"},
                           {"2027-02-01T04:00", "cannot read \"T04:00\""},
                           {"12:00x", "cannot read \"x\""},
                           {"12:", "a number is missing at the end"},
                           {"-00:+00/-5", "stands where a number belongs"},
                           {"1,,2:00", "\",2:00\" stands where a number belongs"},
                           {"*/4:00", "write 0/4, with the first value, instead of */4"},
                           {"*:4,30:*,5", "* is every value already"},
                           {"24:00", "the hour is 0 to 23, not 24"},
                           {"12:60", "the minute is 0 to 59, not 60"},
                           {"0:0:60", "the second is 0 to 59, not 60"},
                           {"2027-13-01", "the month is 1 to 12, not 13"},
                           {"*-*-00", "the day is 1 to 31, not 0"},
                           {"*-*~29", "the day behind ~ is 1 to 28, not 29"},
                           {"1969-01-01", "the year is 1970 to 2199, not 1969"},
                           {"2200-01-01", "not 2200"},
                           {"99999999999999999999:00", "the hour is 0 to 23, not so large"},
                           {"12..1:00", "the range 12..1 runs backwards"},
                           {"20/4:00", "20/4 never comes to its second value: write 20 alone"},
                           {"*-*~5/5", "write 5 alone"},
                           {"*:0/0", "a step of 0 never gets on"},
                           {"*:*:0.5", "seconds are the finest"},
                           {"05:40:23.4200004/3.1700005", "seconds are the finest"},
                           {"00:00:00/0.42", "seconds are the finest"},
                           {"@1493187147", "write 2027-02-01 04:00 UTC"},
                           {"daily PST", "there is no time zone \"PST\""},
                           {"12:00 pm", "there is no time zone \"pm\""},
                           {"daily europe/berlin", "did you mean Europe/Berlin?"},
                           {many, "a list has at most 240 values"},
                           {std::string_view{"daily\0", 6}, "cannot read \"daily\\x00\""}}) {
    auto const out = Calendar::parse(text);
    INFO(text);
    REQUIRE_FALSE(out.has_value());
    CHECK_THAT(out.error().text, Catch::Contains(why));
  }
  CHECK_THAT(Calendar::parse(std::string(100'000, ',')).error().text, Catch::Contains("at most 4096 characters"));
}

TEST_CASE("calendar: a named zone wins over the job's") {
  FakeZone const zone = berlin();
  CHECK(calendar("02:30 UTC").next(utc(2028, 7, 1), zone) == utc(2028, 7, 1, 2h + 30min));
  CHECK(calendar("02:30 Asia/Tokyo").next(utc(2028, 7, 1), zone) == utc(2028, 7, 1, 17h + 30min));
  CHECK(calendar("02:30").next(utc(2028, 7, 1), zone) == utc(2028, 7, 1, 30min));
}

TEST_CASE(
    "calendar: Berlin's gap is made up for at its end, its repeated hour counts once, or twice if every hour does") {
  NamedTimeZone const zone = named("Europe/Berlin");
  sys_seconds const spring = utc(2024, 3, 31), autumn = utc(2024, 10, 27);
  for (auto text : {"02:30", "02:00", "02:59:59", "02:*", "2024-03-31 02:30", "Sun 02,02:15,45"}) {
    INFO(text);
    CHECK(due_in(text, zone, spring, spring + 20h) == Instants{spring + 1h});
  }
  CHECK(due_in("02..03:30", zone, spring, spring + 20h) == Instants{spring + 1h, spring + 90min});
  CHECK(due_in("*:30", zone, spring, spring + 2h) == Instants{spring + 30min, spring + 90min});
  CHECK(due_in("02:30", zone, autumn, autumn + 20h) == Instants{autumn + 30min});
  CHECK(due_in("2024-10-27 02:30", zone, autumn, autumn + 9000h) == Instants{autumn + 30min});
  CHECK(due_in("02..03:00", zone, autumn, autumn + 20h) == Instants{autumn, autumn + 2h});
  CHECK(due_in("*:30", zone, autumn, autumn + 3h) == Instants{autumn + 30min, autumn + 90min, autumn + 150min});
  CHECK(due_in("0/1:30", zone, autumn, autumn + 3h).size() == 3);  // every hour, in other words
  CHECK(calendar("02:30").next(autumn + 45min, zone) == autumn + 25h + 30min);
}

TEST_CASE("calendar: New York's clock changes at other hours, and half an hour on Lord Howe") {
  NamedTimeZone const york = named("America/New_York"), howe = named("Australia/Lord_Howe");
  CHECK(due_in("02:15", york, utc(2025, 3, 9), utc(2025, 3, 10)) == Instants{utc(2025, 3, 9, 7h)});
  CHECK(due_in("01:15", york, utc(2025, 11, 2), utc(2025, 11, 3)) == Instants{utc(2025, 11, 2, 5h + 15min)});
  CHECK(due_in("01:30", york, utc(2025, 3, 9), utc(2025, 3, 10)) == Instants{utc(2025, 3, 9, 6h + 30min)});
  sys_seconds const back = utc(2025, 4, 5, 15h), forth = utc(2025, 10, 4, 15h + 30min);
  CHECK(due_in("02:15", howe, forth - 12h, forth + 12h) == Instants{forth});
  CHECK(due_in("02:45", howe, forth - 12h, forth + 12h) == Instants{forth + 15min});
  CHECK(due_in("*:15", howe, forth - 1h, forth + 1h) == Instants{forth - 45min, forth + 45min});
  CHECK(due_in("01:45", howe, back - 12h, back + 12h) == Instants{back - 15min});
  CHECK(due_in("*:45", howe, back - 1h, back + 1h) == Instants{back - 15min, back + 15min});
  CHECK(due_in("01:15", howe, back - 12h, back + 12h) == Instants{back - 45min});
}

TEST_CASE("calendar: a day that Samoa did not have begins when the next one does, and counts no hours") {
  NamedTimeZone const apia = named("Pacific/Apia");
  sys_seconds const jump = utc(2011, 12, 30, 10h);  // 29 December ends, 31 December begins
  CHECK(due_in("2011-12-30", apia, utc(2011, 1, 1), utc(2030, 1, 1)) == Instants{jump});
  CHECK(due_in("Fri 06:00", apia, jump - 48h, jump + 48h) == Instants{jump});
  CHECK(due_in("00:00", apia, jump - 20h, jump + 24h) == Instants{jump, jump + 24h});
  CHECK(due_in("12:00", apia, jump - 20h, jump + 20h) ==
        Instants{jump - 12h, jump, jump + 12h});  // of the day before, of none, of the day after
  CHECK(due_in("2011-12-30 *:00", apia, utc(2011, 1, 1), utc(2030, 1, 1)).empty());
  CHECK(due_in("*-*-30 *:00", apia, jump - 24h, jump + 480h).empty());
}

TEST_CASE("calendar: midnight skipped is one o'clock, and the hour before midnight repeated counts once") {
  FakeZone const zone = beirut();
  sys_seconds const spring = utc(2028, 3, 25, 22h), autumn = utc(2028, 10, 28, 21h);
  CHECK(due_in("daily", zone, spring - 2h, spring + 2h) == Instants{spring});
  CHECK(due_in("00:30", zone, spring - 2h, spring + 2h) == Instants{spring});
  CHECK(due_in("2028-10-28 23:30", zone, utc(2028, 1, 1), utc(2029, 1, 1)) == Instants{autumn - 30min});
  CHECK(due_in("2028-10-28 *:30", zone, autumn - 1h, utc(2029, 1, 1)) == Instants{autumn - 30min, autumn + 30min});
  CHECK(due_in("daily", zone, autumn - 2h, autumn + 22h) == Instants{autumn + 1h});
}

TEST_CASE("calendar: a day that comes twice is counted once, its hours are counted twice") {
  FakeZone const zone = date_line();
  sys_seconds const back = utc(2028, 8, 10, 10h);  // 10 August ends and begins anew
  CHECK(due_in("*-08-10 12:00", zone, utc(2028, 1, 1), utc(2029, 1, 1)) == Instants{back - 12h});
  CHECK(due_in("*-08-10 *:00", zone, utc(2028, 1, 1), utc(2029, 1, 1)).size() == 48);
  CHECK(calendar("12:00").next(back - 12h, zone) == back + 36h);
}

TEST_CASE("calendar: leap days, the ends of months, and days that no month has") {
  CHECK(calendar("*-02-29").next(utc(2024, 2, 29), kUtc) == utc(2028, 2, 29));
  CHECK(calendar("*-02-29").next(utc(2096, 2, 29), kUtc) == utc(2104, 2, 29));  // 2100 is no leap year
  CHECK(calendar("Mon *-02-29").next(utc(2024, 1, 1), kUtc) == utc(2044, 2, 29));
  CHECK(calendar("*-02~1").next(utc(2027, 2, 1), kUtc) == utc(2027, 2, 28));
  CHECK(calendar("*-02~1").next(utc(2028, 2, 1), kUtc) == utc(2028, 2, 29));
  CHECK(calendar("*-02~03").next(utc(2028, 2, 1), kUtc) == utc(2028, 2, 27));
  CHECK(calendar("Mon *-05~07/1").next(utc(2028, 1, 1), kUtc) == utc(2028, 5, 29));
  CHECK(calendar("*-*~28").next(utc(2027, 2, 1), kUtc) == utc(2027, 3, 4));
  CHECK(calendar("*-*-31").next(utc(2027, 3, 31), kUtc) == utc(2027, 5, 31));
  CHECK(due_in("*-*~1..7/3", kUtc, utc(2027, 2, 1), utc(2027, 2, 28)) ==
        Instants{utc(2027, 2, 22), utc(2027, 2, 25), utc(2027, 2, 28)});
}

TEST_CASE("calendar: never again is nothing, and soon found") {
  for (auto text : {"*-02-30", "*-04,06-31", "2003-03-05", "2027-02-29 12:00", "2026-02-29 *:*:*", "Mon 2028-01-01",
                    "Tue 2199-12-30", "1970..1999-*-* *:*"}) {
    INFO(text);
    CHECK(calendar(text).next(utc(2028, 1, 1, 1s), kUtc) == std::nullopt);
    CHECK(calendar(text).next(utc(2028, 1, 1, 1s), berlin()) == std::nullopt);
  }
}

TEST_CASE("calendar: years begin in 1970 and end with 2199, in any zone, and instants beyond them do not overflow") {
  FakeZone const east{"east", 14h, {}}, west{"west", -12h, {}};
  for (const FakeZone& zone : {kUtc, east, west}) {
    INFO(zone.name);
    seconds const offset = zone.offset_at(utc(2000, 1, 1));
    for (auto text : {"*:*:*", "*-*-* 00..22:*:*", "daily", "*-01-01"}) {
      INFO(text);
      Calendar const c = calendar(text);
      for (sys_seconds long_ago : {sys_seconds::min(), utc(1900, 1, 1), utc(1970, 1, 1) - offset - 1s})
        CHECK(c.next(long_ago, zone) == utc(1970, 1, 1) - offset);
      for (sys_seconds late : {sys_seconds::max(), utc(2300, 1, 1), utc(2200, 1, 1) - offset - 1s})
        CHECK(c.next(late, zone) == std::nullopt);
    }
    CHECK(calendar("*:*:*").next(utc(2200, 1, 1) - offset - 2s, zone) == utc(2200, 1, 1) - offset - 1s);
  }
  CHECK(due_in("93..00-01-01", kUtc, utc(1970, 1, 1), utc(2199, 1, 1)).size() == 8);
  CHECK(due_in("2024..2035/5-01-01", kUtc, utc(1970, 1, 1), utc(2199, 1, 1)) ==
        Instants{utc(2024, 1, 1), utc(2029, 1, 1), utc(2034, 1, 1)});
  CHECK(due_in("2190/4-01-01", kUtc, utc(1970, 1, 1), utc(2199, 12, 31)) ==
        Instants{utc(2190, 1, 1), utc(2194, 1, 1), utc(2198, 1, 1)});
}
