#include <array>
#include <catch2/catch.hpp>

#include "unit/config/calendar_text.hpp"
#include "unit/config/text_file.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;
using namespace std::chrono;

namespace {

enum Why : std::size_t { same, gap, repeated, every_hour, overrun, wrong_day, gave_up, unexplained, kWhys };

/// Why systemd says another time than we do: one of the differences that calendar.hpp declares, or none of them.
///   gap         a time was skipped: ours is the end of the gap
///   repeated    systemd gives the second of two; ours comes later
///   every_hour  ours is in the second of the two hours, which systemd leaves out
///   overrun     a step without an end ran out on one day, and systemd carried what was left over into the next
///   wrong_day   systemd counts from the wrong end of the month: its day does not match its own expression
Why compare(const Calendar& c, const TimeZone& job_zone, sys_seconds after, std::optional<sys_seconds> theirs,
            bool no_answer) {
  auto const ours = c.next(after, job_zone);
  if (no_answer) return ours && *ours > after ? gave_up : unexplained;
  if (ours == theirs) return same;
  // The expression without its zone, read in UTC, gives civil times.
  std::string text = c.to_string();
  std::optional<NamedTimeZone> own;
  if (std::size_t const blank = text.rfind(' '); text.find(':', blank) == text.npos) {
    own = named(text.substr(blank + 1));
    text.resize(blank);
  }
  const TimeZone& zone = own ? static_cast<const TimeZone&>(*own) : job_zone;
  bool const hours_pass =
      text.find(" *:") != text.npos || text.find(" 00/1:") != text.npos || text.find(" 00..23:") != text.npos;
  bool const sooner = ours && (!theirs || *ours < *theirs), later = theirs && (!ours || *ours > *theirs);
  auto const again = [&](sys_seconds t) { return zone.first_instant_of(zone.local_at(t)) < t; };
  if (hours_pass && sooner && again(*ours)) return every_hour;
  if (!hours_pass && later && again(*theirs) && !(ours && again(*ours))) return repeated;
  if (!hours_pass && sooner && zone.offset_at(*ours) > zone.offset_at(*ours - 1s)) {
    sys_seconds const begins{(zone.local_at(*ours - 1s) + 1s).time_since_epoch()},
        ends{zone.local_at(*ours).time_since_epoch()};
    auto const skipped = calendar(text).next(begins - 1s, kUtc);
    if (skipped && *skipped < ends) return gap;
  }
  bool open_step = false;
  for (std::size_t at = text.find('/'); at != text.npos; at = text.find('/', at + 1)) {
    std::size_t const begin = text.find_last_of(",-~: ", at) + 1;
    open_step |= text.substr(begin, at - begin).find("..") == text.npos;
  }
  auto const day = [&](sys_seconds t) { return floor<days>(zone.local_at(t)); };
  if (open_step && sooner && day(*ours) > day(after) && theirs && c.next(*theirs - 1s, job_zone) == theirs)
    return overrun;
  if (theirs && text.find('~') != text.npos) {
    sys_seconds const civil{zone.local_at(*theirs).time_since_epoch()};
    if (calendar(text).next(civil - 1s, kUtc) != civil) return wrong_day;
  }
  return unexplained;
}

}  // namespace

TEST_CASE(
    "calendar: systemd 252 reads the same expressions, and gives the same times but for the differences that are "
    "meant") {
  std::string const file = read_text(std::string(kVectors) + "/calendar.txt");
  std::vector<std::pair<NamedTimeZone, sys_seconds>> instants;
  std::size_t refusals = 0, expressions = 0;
  std::array<std::size_t, kWhys> count{};
  for (std::string_view line : split(file, '\n')) {
    if (line.empty() || line[0] == '#') continue;
    auto const parts = split(line, '\t');
    INFO(line.substr(0, 120));
    if (parts[0] == "zone") {
      for (std::string_view t : split(parts.at(2), ' '))
        instants.emplace_back(named(parts[1]), sys_seconds{seconds{std::stoll(std::string{t})}});
      continue;
    }
    if (parts[0] == "refused") {
      CHECK_FALSE(Calendar::parse(parts.at(1)).has_value());
      ++refusals;
      continue;
    }
    Calendar const c = calendar(parts[0]);
    CHECK(c.to_string() == parts.at(1));
    auto const answers = split(parts.at(2), ' ');
    REQUIRE(answers.size() == instants.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
      auto const& [zone, after] = instants[i];
      std::optional<sys_seconds> theirs;
      if (answers[i] != "-" && answers[i] != "!") theirs = after + seconds{std::stoll(std::string{answers[i]})};
      Why const why = compare(c, zone, after, theirs, answers[i] == "!");
      if (why == unexplained) {
        auto const ours = c.next(after, zone);
        INFO(zone.name() << " " << after.time_since_epoch().count() << " systemd " << answers[i] << " ours "
                         << (ours ? std::to_string((*ours - after).count()) : "-"));
        CHECK(why != unexplained);
      }
      ++count[why];
    }
    ++expressions;
  }
  CHECK(expressions >= 300);
  CHECK(instants.size() >= 50);
  CHECK(refusals >= 70);
  CAPTURE(count);
  CHECK(count == std::array<std::size_t, kWhys>{18'033, 344, 67, 108, 14, 1, 9, 0});
}
