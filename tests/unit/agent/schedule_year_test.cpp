// A year of every calendar expression there is a vector for, on a machine that sleeps now and then: nothing is missed, nothing runs twice.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "agent/job_times.hpp"
#include "unit/config/fake_zone.hpp"
#include "vectors_folder.hpp"

using namespace farkeep;
using namespace farkeep::test;

namespace {

constexpr std::size_t kMostTimes = 1500;  // of a year: what is due every minute is followed for a day

std::vector<std::string> expressions() {
  std::ifstream in(std::string(kVectors) + "/calendar.txt");
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    const std::string first = line.substr(0, line.find('\t'));
    if (line.empty() || line[0] == '#' || first == "zone" || first == "refused") continue;
    out.push_back(first);
  }
  return out;
}

}  // namespace

TEST_CASE("scheduler: a year of every expression with sleeps in between, each scheduled time is made good by just one run") {
  const NamedTimeZone zone = std::move(*NamedTimeZone::parse("Europe/Berlin"));
  const WallTime begin{utc(2028, 1, 1)}, end{utc(2029, 1, 1)};
  std::mt19937 random(20281);
  auto below = [&](unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random); };
  std::size_t known = 0, due_times = 0, runs = 0, sleeps = 0;
  for (const std::string& text : expressions()) {
    INFO(text);
    auto schedule = Schedule::parse(text);
    if (!schedule) continue;  // systemd reads a little more: calendar_systemd_test says what
    ++known;
    std::vector<WallTime> wanted;
    for (WallTime at = begin; wanted.size() < kMostTimes;) {
      at = schedule->next(at, at, zone);
      if (at == Schedule::kNever || at >= end) break;
      wanted.push_back(at);
    }
    due_times += wanted.size();
    JobConfig job;
    job.name = "main";
    job.schedules.push_back(*schedule);
    const JobTimes times(job, AgentId{}, zone);
    agent::pb::Job record;
    record.set_first_seen_ns(begin.time_since_epoch().count());
    WallTime now = begin, last = begin;
    std::size_t next = 0;  // the first of the wanted times that no run has made good
    while (next < wanted.size()) {
      const auto due = times.next(record, now);
      REQUIRE(due.has_value());
      const bool missed = wanted[next] <= now;
      REQUIRE(due->at == (missed ? now : wanted[next]));
      if (!missed) {
        // Awake until then, or asleep for up to ten days, or shorter than that and nothing happens.
        const bool sleeps_now = below(8) == 0;
        sleeps += sleeps_now;
        now = sleeps_now ? now + std::chrono::seconds(1 + below(10 * 86400)) : due->at;
        continue;
      }
      ++runs;
      REQUIRE((now > last || runs == 1));
      record.set_last_start_ns(now.time_since_epoch().count());
      last = now;
      while (next < wanted.size() && wanted[next] <= now) ++next;
      now += std::chrono::milliseconds(below(3) * 1000 + 1);
    }
    // After the last one it is due at most once more, and later than all of them.
    const auto after = times.next(record, now);
    if (after && !wanted.empty()) CHECK(after->at > wanted.back());
  }
  WARN(known << " expressions, " << due_times << " scheduled times, " << runs << " runs, " << sleeps << " sleeps");
  CHECK(known >= 300);
  CHECK(runs < due_times);
}
