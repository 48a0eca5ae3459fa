#pragma once

#include <catch2/catch.hpp>
#include <string_view>

#include "config/calendar.hpp"
#include "unit/config/fake_zone.hpp"

namespace farkeep::test {

inline const FakeZone kUtc{"utc", 0s, {}};

inline Calendar calendar(std::string_view text) {
  auto out = Calendar::parse(text);
  INFO(text << (out ? "" : ": " + out.error().text));
  REQUIRE(out.has_value());
  return *out;
}

inline NamedTimeZone named(std::string_view name) {
  auto zone = NamedTimeZone::parse(name);
  INFO(name);
  REQUIRE(zone.has_value());
  return *zone;
}

}  // namespace farkeep::test
