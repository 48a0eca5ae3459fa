#include "config/weekly_span.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "fake_zone.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

std::vector<WeeklySpan> spans(std::initializer_list<const char*> texts) {
  std::vector<WeeklySpan> out;
  for (auto* t : texts) {
    auto s = WeeklySpan::parse(t);
    REQUIRE(s.has_value());
    out.push_back(*s);
  }
  return out;
}

class Utc final : public TimeZone {
 public:
  seconds offset_at(sys_seconds) const override { return 0s; }
};

}  // namespace

TEST_CASE("weekly span: what is written comes back in one form") {
  const std::pair<const char*, const char*> rows[] = {
      {"22:00-06:00", "22:00-06:00"},
      {"00:00-24:00", "00:00-24:00"},
      {"mon..fri 08:00-18:00", "mon,tue,wed,thu,fri 08:00-18:00"},
      {"Mon-Fri  08:00-18:00", "mon,tue,wed,thu,fri 08:00-18:00"},
      {"sat,sun 12:30-00:00", "sat,sun 12:30-24:00"},
      {"sat..mon 23:59-00:01", "mon,sat,sun 23:59-00:01"},
      {"mon..sun 01:00-02:00", "01:00-02:00"},
      {"Monday,sat..SUNDAY 01:00-02:00", "mon,sat,sun 01:00-02:00"},
  };
  for (auto& [text, form] : rows) {
    INFO(text);
    const auto s = WeeklySpan::parse(text);
    REQUIRE(s.has_value());
    CHECK(s->to_string() == form);
    const auto again = WeeklySpan::parse(s->to_string());
    REQUIRE(again.has_value());
    CHECK((*again == *s));
  }
}

TEST_CASE("weekly span: what is none is refused with an example") {
  for (auto* text : {"", "22:00", "22:00-", "22:00 - 06:00", "24:00-06:00", "22:60-06:00", "2:00-06:00", "day 22:00-06:00", "mon.fri 22:00-06:00", "mon.. 22:00-06:00", "mon, 22:00-06:00",
                     "22:00-06:00 mon", "22:00-24:01"}) {
    INFO(text);
    const auto s = WeeklySpan::parse(text);
    REQUIRE_FALSE(s.has_value());
    CHECK(s.error().text.find("22:00-06:00, or mon..fri") != std::string::npos);
  }
  CHECK(WeeklySpan::parse("06:00-06:00").error().text.find("00:00-24:00") != std::string::npos);
}

TEST_CASE("weekly span: the end is outside, and a night belongs to the day on which it begins") {
  const auto night = spans({"fri 22:00-06:00"});  // 2028-03-03 is a Friday
  CHECK_FALSE(night[0].contains(local(2028, 3, 3, 22h - 1s)));
  CHECK(night[0].contains(local(2028, 3, 3, 22h)));
  CHECK(night[0].contains(local(2028, 3, 4, 6h - 1s)));
  CHECK_FALSE(night[0].contains(local(2028, 3, 4, 6h)));
  CHECK_FALSE(night[0].contains(local(2028, 3, 4, 22h)));
  CHECK_FALSE(night[0].contains(local(2028, 3, 3, 5h)));
}

TEST_CASE("weekly span: the next opening and closing") {
  const Utc zone;
  const auto night = spans({"22:00-06:00"});
  CHECK(next_with(night, true, utc(2028, 3, 3, 12h), zone) == utc(2028, 3, 3, 22h));
  CHECK(next_with(night, true, utc(2028, 3, 3, 23h), zone) == utc(2028, 3, 3, 23h));
  CHECK(next_with(night, false, utc(2028, 3, 3, 23h), zone) == utc(2028, 3, 4, 6h));
  CHECK(next_with(spans({"sun 01:00-02:00"}), true, utc(2028, 3, 5, 2h), zone) == utc(2028, 3, 12, 1h));  // a week later, and a second less
  CHECK(next_with(spans({"20:00-24:00", "00:00-03:00"}), false, utc(2028, 3, 3, 21h), zone) == utc(2028, 3, 4, 3h));  // they touch
  CHECK_FALSE(next_with(spans({"00:00-24:00"}), false, utc(2028, 3, 3), zone));
  CHECK_FALSE(next_with({}, true, utc(2028, 3, 3), zone));
  CHECK(next_with({}, false, utc(2028, 3, 3), zone) == utc(2028, 3, 3));
}

TEST_CASE("weekly span: clocks that are put forward and back") {
  const FakeZone zone = berlin();
  // 26 March: 02:00 to 03:00 does not exist; what lies wholly in it does not open that day.
  CHECK(next_with(spans({"02:15-02:45"}), true, utc(2028, 3, 26, 0h + 30min), zone) == utc(2028, 3, 27, 0h + 15min));
  CHECK(next_with(spans({"02:30-04:00"}), true, utc(2028, 3, 26, 0h + 30min), zone) == utc(2028, 3, 26, 1h));
  // 29 October: 02:00 to 03:00 comes twice, and opens twice.
  const auto twice = spans({"02:15-02:45"});
  CHECK(next_with(twice, true, utc(2028, 10, 29, 0h), zone) == utc(2028, 10, 29, 0h + 15min));
  CHECK(next_with(twice, false, utc(2028, 10, 29, 0h + 15min), zone) == utc(2028, 10, 29, 0h + 45min));
  CHECK(next_with(twice, true, utc(2028, 10, 29, 0h + 45min), zone) == utc(2028, 10, 29, 1h + 15min));
  CHECK(next_with(twice, false, utc(2028, 10, 29, 1h + 15min), zone) == utc(2028, 10, 29, 1h + 45min));
}

TEST_CASE("weekly span: the next change is what looking at every minute finds") {
  std::mt19937 dice(4711);
  const FakeZone zones[] = {berlin(), lord_howe(), beirut(), date_line(), odd()};
  for (int i = 0; i < 300; ++i) {
    std::vector<WeeklySpan> some;
    for (auto n = 1 + dice() % 3; n > 0; --n) {
      const char* days[] = {"", "mon..fri ", "sat,sun ", "wed ", "sun..tue "};
      char text[40];
      std::snprintf(text, sizeof text, "%s%02u:%02u-%02u:%02u", days[dice() % 5], static_cast<unsigned>(dice() % 24), static_cast<unsigned>(dice() % 4 * 15), static_cast<unsigned>(dice() % 24),
                    static_cast<unsigned>(dice() % 4 * 15));
      if (const auto s = WeeklySpan::parse(text)) some.push_back(*s);
    }
    const FakeZone& zone = zones[dice() % 5];
    const sys_seconds around[] = {utc(2028, 3, 25), utc(2028, 4, 1), utc(2028, 5, 1), utc(2028, 6, 14), utc(2028, 8, 9), utc(2028, 10, 28)};
    const sys_seconds from = around[dice() % 6] + std::chrono::minutes{dice() % (60 * 24 * 3)};
    const bool inside = dice() % 2 == 0;
    const auto is = [&](sys_seconds t) { return std::any_of(some.begin(), some.end(), [&](auto& s) { return s.contains(zone.local_at(t)); }); };
    std::optional<sys_seconds> slow;
    const seconds step = zone.name == "odd" ? 1s : 60s;
    for (sys_seconds t = from; t < from + std::chrono::days{8} && !slow; t += step)
      if (is(t) == inside) slow = t;
    const auto fast = next_with(some, inside, from, zone);
    INFO(zone.name << " " << i << " " << from.time_since_epoch().count() << " " << inside << " " << (some.empty() ? "" : some[0].to_string()));
    CHECK(fast == slow);
  }
}
