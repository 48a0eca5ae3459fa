#include "config/zone.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

#include "unit/config/calendar_text.hpp"

using namespace farkeep;
using namespace farkeep::test;

TEST_CASE("zone: a civil time in a gap is the first instant after it, in an overlap the first of the two") {
  FakeZone const zone = berlin();
  CHECK(zone.first_instant_of(local(2028, 1, 15, 12h)) == utc(2028, 1, 15, 11h));
  CHECK(zone.first_instant_of(local(2028, 7, 15, 12h)) == utc(2028, 7, 15, 10h));
  CHECK(zone.first_instant_of(local(2028, 3, 26, 2h - 1s)) == utc(2028, 3, 26, 1h - 1s));
  for (seconds t : {seconds{2h}, seconds{2h + 30min}, seconds{3h}}) {
    CHECK(zone.first_instant_of(local(2028, 3, 26, t)) == utc(2028, 3, 26, 1h));
  }
  CHECK(zone.first_instant_of(local(2028, 3, 26, 3h + 1s)) == utc(2028, 3, 26, 1h + 1s));
  CHECK(zone.first_instant_of(local(2028, 10, 29, 2h)) == utc(2028, 10, 29, 0h));
  CHECK(zone.first_instant_of(local(2028, 10, 29, 2h + 30min)) == utc(2028, 10, 29, 30min));
  CHECK(zone.first_instant_of(local(2028, 10, 29, 3h)) == utc(2028, 10, 29, 2h));
}

TEST_CASE("zone: a day that does not exist begins when the next one does, a repeated day the first time") {
  FakeZone const zone = date_line();
  CHECK(zone.first_instant_of(local(2028, 6, 15, 12h)) == utc(2028, 6, 15, 10h));
  CHECK(zone.local_at(utc(2028, 6, 15, 10h)) == local(2028, 6, 16));
  CHECK(zone.first_instant_of(local(2028, 8, 10, 12h)) == utc(2028, 8, 9, 22h));
}

TEST_CASE("zone: the change of an offset is found to the second") {
  FakeZone const zone = odd();
  CHECK(zone.next_change(utc(2028, 4, 30), utc(2028, 5, 2)) == utc(2028, 5, 1, 3h + 17s));
  CHECK(zone.next_change(utc(2028, 4, 30), utc(2028, 5, 1, 3h + 17s)) == utc(2028, 5, 1, 3h + 17s));
  CHECK(zone.next_change(utc(2028, 4, 30), utc(2028, 5, 1)) == utc(2028, 5, 1));
  CHECK(zone.next_change(utc(2028, 5, 1, 3h + 17s), utc(2028, 6, 1)) == utc(2028, 6, 1));
}

TEST_CASE("zone: the furthest time shown stands still while the clock repeats an hour") {
  FakeZone const zone = berlin();
  CHECK(zone.furthest_by(utc(2028, 1, 15, 12h)) == local(2028, 1, 15, 13h));
  CHECK(zone.furthest_by(utc(2028, 3, 26, 1h - 1s)) == local(2028, 3, 26, 2h - 1s));
  CHECK(zone.furthest_by(utc(2028, 3, 26, 1h)) == local(2028, 3, 26, 3h));
  CHECK(zone.furthest_by(utc(2028, 10, 29, 1h - 1s)) == local(2028, 10, 29, 3h - 1s));
  CHECK(zone.furthest_by(utc(2028, 10, 29, 1h)) == local(2028, 10, 29, 3h - 1s));
  CHECK(zone.furthest_by(utc(2028, 10, 29, 2h - 1s)) == local(2028, 10, 29, 3h - 1s));
  CHECK(zone.furthest_by(utc(2028, 10, 29, 2h)) == local(2028, 10, 29, 3h));
  CHECK(date_line().furthest_by(utc(2028, 8, 11, 10h - 1s)) == local(2028, 8, 11, -1s));  // a whole day again
}

TEST_CASE("zone: what is still to come on the clock comes after now, and nothing else does") {
  for (const FakeZone& zone : {berlin(), lord_howe(), beirut(), date_line(), odd()}) {
    INFO(zone.name);
    for (sys_seconds t = utc(2028, 1, 1); t < utc(2029, 1, 1); t += 3h + 17min + 11s) {
      LocalTime const furthest = zone.furthest_by(t);
      REQUIRE(zone.first_instant_of(furthest) <= t);
      REQUIRE(zone.first_instant_of(furthest + 1s) > t);
    }
  }
}

namespace {

/// TZ while it lives.
class Environment {
 public:
  explicit Environment(const char* zone) {
    if (const char* const before = std::getenv("TZ")) saved_ = before;
    ::setenv("TZ", zone, 1);
  }
  ~Environment() {
    saved_ ? ::setenv("TZ", saved_->c_str(), 1) : ::unsetenv("TZ");
    SystemTimeZone const restored;
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::optional<std::string> saved_;
};

}  // namespace

TEST_CASE("zone: a named zone says what the C library says, from 1900 to 2199") {
  for (const char* name :
       {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Europe/Dublin",
        "Africa/Casablanca", "America/Sao_Paulo", "Asia/Kathmandu", "Etc/GMT+12", "Pacific/Kiritimati", "CET"}) {
    INFO(name);
    NamedTimeZone const zone = named(name);
    CHECK(zone.name() == name);
    Environment const tz{name};
    SystemTimeZone const same;
    for (sys_seconds t = utc(1900, 1, 1); t < utc(2200, 1, 1); t += 24h * 11 + 7h + 13min) {
      INFO(t.time_since_epoch().count());
      REQUIRE(zone.offset_at(t) == same.offset_at(t));
    }
  }
}

TEST_CASE("zone: rules go on where the written changes end, in 2037") {
  CHECK(named("Europe/Berlin").offset_at(utc(2100, 7, 1)) == 2h);
  CHECK(named("Europe/Berlin").offset_at(utc(2100, 12, 1)) == 1h);
  CHECK(named("Australia/Lord_Howe").offset_at(utc(2199, 7, 1)) == 10h + 30min);
}

TEST_CASE("zone: UTC is there in any spelling, and zones are equal by name") {
  CHECK(named("utc").name() == "UTC");
  CHECK(named("Utc").offset_at(utc(2028, 7, 1)) == 0s);
  CHECK(named("UTC") == named("uTc"));
  CHECK_FALSE(named("UTC") == named("Europe/Berlin"));
}

TEST_CASE("zone: a name that is none is refused, with the one that was meant") {
  for (auto [name, hint] : {std::pair{"Berlin", "did you mean Europe/Berlin?"},
                            {"europe/berlin", "did you mean Europe/Berlin?"},
                            {"Europe/Berln", "did you mean Europe/Berlin?"},
                            {"America/New York", "did you mean America/New_York?"},
                            {"los_angeles", "did you mean America/Los_Angeles?"},
                            {"PST", "write a name such as Europe/Berlin or UTC"},
                            {"Middle/Earth_Shire", "write a name such as"},
                            {"", "write a name such as"}}) {
    auto const zone = NamedTimeZone::parse(name);
    INFO(name);
    REQUIRE_FALSE(zone.has_value());
    CHECK_THAT(zone.error().text, Catch::StartsWith("there is no time zone") && Catch::Contains(hint));
  }
}

TEST_CASE("zone: no name leads out of the database") {
  for (std::string_view name :
       {"../zoneinfo/Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "Europe/../Europe/Berlin", "Europe//Berlin",
        "Europe/Berlin/", "Europe", "libc:localtime", "Fixed/UTC+01:00:00", ":Europe/Berlin", "tzdata.zi", "UTC."}) {
    INFO(name);
    CHECK_FALSE(NamedTimeZone::parse(name).has_value());
  }
  CHECK_FALSE(NamedTimeZone::parse(std::string_view{"UTC\0", 4}).has_value());
  CHECK_FALSE(NamedTimeZone::parse(std::string(100'000, 'A')).has_value());
}

TEST_CASE("zone: the known names are zones each, and neither tables nor copies") {
  std::vector<std::string> const names = known_time_zones();
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::count(names.begin(), names.end(), "America/Argentina/Buenos_Aires") == 1);
  for (const std::string& name : names) {
    INFO(name);
    CHECK(NamedTimeZone::parse(name).has_value());
  }
  ::setenv("TZDIR", "/nowhere", 1);
  CHECK(known_time_zones().empty());
  auto const none = NamedTimeZone::parse("Moon/Tycho");
  ::unsetenv("TZDIR");
  CHECK_THAT(none.error().text, Catch::Contains("install the package tzdata"));
}

TEST_CASE("zone: the system's zone follows TZ, before 1970 and after 2038 too") {
  Environment const tz{"CET-1CEST,M3.5.0,M10.5.0/3"};  // rules in the variable: no zone files needed
  SystemTimeZone const zone;
  FakeZone const same = berlin();
  for (sys_seconds t = utc(2028, 1, 1); t < utc(2029, 1, 1); t += 7h + 13min)
    REQUIRE(zone.offset_at(t) == same.offset_at(t));
  CHECK(zone.first_instant_of(local(2028, 3, 26, 2h + 30min)) == utc(2028, 3, 26, 1h));
  CHECK(zone.first_instant_of(local(2028, 10, 29, 2h + 30min)) == utc(2028, 10, 29, 30min));
  CHECK(zone.offset_at(utc(1960, 1, 1)) == 1h);
  CHECK(zone.offset_at(utc(2106, 7, 1)) == 2h);
}
