#include "config/rate.hpp"

#include <catch2/catch.hpp>

#include "fake_zone.hpp"

using namespace farkeep;
using namespace farkeep::test;

TEST_CASE("rate: units are what they are in networks and on disks") {
  const std::pair<const char*, std::uint64_t> rows[] = {{"8kbit", 1000}, {"5Mbit", 625'000}, {"1Gbit", 125'000'000}, {"600KB/s", 600'000}, {"2MB/s", 2'000'000}, {"1KiB/s", 1024}, {"3MiB/s", 3'145'728}, {"off", 0}};
  for (auto& [text, bytes] : rows) {
    INFO(text);
    const auto rule = RateRule::parse(text);
    REQUIRE(rule.has_value());
    CHECK(rule->bytes_per_second == bytes);
    CHECK_FALSE(rule->when.has_value());
  }
}

TEST_CASE("rate: what is none, or one at which nothing would ever end, is refused") {
  for (auto* text : {"", "5", "5 Mbit", "5mbit", "5Mb", "1.5Mbit", "-5Mbit", "7kbit", "0Mbit", "99999999999Gbit", "99999999999999999999Gbit", "mon-fri 5Mbit", "08:00-18:00", "mon-fri 08:00-18:00 fast"}) {
    INFO(text);
    CHECK_FALSE(RateRule::parse(text).has_value());
  }
}

TEST_CASE("rate: the first line whose time it is holds, else the one without a time, else none") {
  std::vector<RateRule> table;
  CHECK(rate_at(table, local(2028, 3, 3, 12h)) == 0);
  for (auto* text : {"8kbit", "fri 12:00-13:00 off", "mon-fri 08:00-18:00 5Mbit", "00:00-24:00 1Gbit"}) {
    const auto rule = RateRule::parse(text);
    REQUIRE(rule.has_value());
    table.push_back(*rule);
  }
  CHECK(rate_at(table, local(2028, 3, 3, 12h)) == 0);                // a Friday
  CHECK(rate_at(table, local(2028, 3, 3, 13h)) == 625'000);
  CHECK(rate_at(table, local(2028, 3, 4, 13h)) == 125'000'000);
  table.pop_back();
  CHECK(rate_at(table, local(2028, 3, 4, 13h)) == 1000);
}
