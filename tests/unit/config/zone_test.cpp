#include "config/zone.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "unit/config/fake_zone.hpp"

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

TEST_CASE("zone: the system's zone follows TZ, before 1970 and after 2038 too") {
  const char* const before = std::getenv("TZ");
  std::string const saved = before == nullptr ? "" : before;
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);  // rules in the variable: no zone files needed
  {
    SystemTimeZone const zone;
    FakeZone const same = berlin();
    for (sys_seconds t = utc(2028, 1, 1); t < utc(2029, 1, 1); t += 7h + 13min)
      REQUIRE(zone.offset_at(t) == same.offset_at(t));
    CHECK(zone.first_instant_of(local(2028, 3, 26, 2h + 30min)) == utc(2028, 3, 26, 1h));
    CHECK(zone.first_instant_of(local(2028, 10, 29, 2h + 30min)) == utc(2028, 10, 29, 30min));
    CHECK(zone.offset_at(utc(1960, 1, 1)) == 1h);
    CHECK(zone.offset_at(utc(2106, 7, 1)) == 2h);
  }
  before == nullptr ? ::unsetenv("TZ") : ::setenv("TZ", saved.c_str(), 1);
  SystemTimeZone const restored;
}
