#include "config/instant.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;

TEST_CASE("instant: what rfc3339() writes comes back, and a date is its midnight") {
  for (std::int64_t s : {0LL, 951782399LL, 951782400LL, 1'709'164'800LL, 1'798'761'599LL}) {
    WallTime const t = from_unix_seconds(s);
    auto const back = parse_instant(rfc3339(t));
    REQUIRE(back.has_value());
    CHECK(unix_seconds(*back) == s);
  }
  CHECK(rfc3339(*parse_instant("2028-02-29")) == "2028-02-29T00:00:00Z");
}

TEST_CASE("instant: anything else is refused, days that do not exist too") {
  for (const char* text : {"", "2027", "2027-3-1", "2027-02-29", "2027-13-01", "2027-00-01", "2027-01-00", "1969-12-31", "2027-03-01 00:00:00Z", "2027-03-01T24:00:00Z",
                           "2027-03-01T00:60:00Z", "2027-03-01T00:00:60Z", "2027-03-01T00:00:00", "2027-03-01T00:00:00+01:00", "2027-03-01T0a:00:00Z", "2027/03/01", "+027-03-01"})
    CHECK_FALSE(parse_instant(text).has_value());
}
