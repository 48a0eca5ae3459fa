#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>

#include "base/log.hpp"
#include "sim/world.hpp"

using namespace farkeep;
using sim::Life;
using sim::live_through;
using sim::Sabotage;

namespace {

constexpr std::uint64_t kSeeds = 1000;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

void conclude(std::uint64_t seed, const Life& life) {
  std::cout << "seed " << seed << ": " << (life.problem.empty() ? "all promises kept" : life.problem) << ", trace " << life.digest.brief()
            << "\nonce more: FARKEEP_SIM_SEED=" << seed << " test_sim 'sim: one agent*'\n";
}

/// The first seed at which the sabotage was noticed, and how.
std::string noticed(Sabotage sabotage, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Life const life = live_through(seed, sabotage);
    if (!life.problem.empty()) return life.problem;
  }
  return {};
}

}  // namespace

TEST_CASE("sim: one agent, two servers: whatever breaks, what was acknowledged restores from both, and nothing hangs") {
  if (auto const one = from_environment("FARKEEP_SIM_SEED", 0); one != 0) {
    if (std::getenv("FARKEEP_SIM_LOG")) start_logging(LogLevel::debug, LogFormat::text);
    Life const life = live_through(one, Sabotage::none, &std::cout);
    conclude(one, life);
    CHECK(life.problem.empty());
    return;
  }
  auto const first = from_environment("FARKEEP_SIM_FIRST", 1);
  auto const seeds = from_environment("FARKEEP_SIM_SEEDS", kSeeds);
  std::uint64_t faults = 0, crimes = 0, junk_first = 0, lives_with_junk = 0, interruptions = 0, snapshots = 0, turns = 0;
  double seconds = 0, longest = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    INFO("seed " << seed);  // for those that end in an abort
    Life const life = live_through(seed);
    if (!life.problem.empty()) {
      for (auto const& line : life.trace) std::cout << line << '\n';
      conclude(seed, life);
      FAIL("seed " << seed << ": " << life.problem);
    }
    faults += life.faults;
    crimes += life.crimes;
    junk_first += life.junk_first;
    lives_with_junk += life.junk_first > 0 ? 1 : 0;
    interruptions += life.interruptions;
    snapshots += life.snapshots;
    turns += life.turns;
    seconds += life.seconds;
    longest = std::max(longest, life.seconds);
  }
  std::cout << seeds << " lives: " << snapshots << " snapshots acknowledged, " << faults << " faults, " << crimes << " raids and disks set back, " << junk_first << " objects as junk first in " << lives_with_junk << " lives, " << interruptions << " restarts; "
            << static_cast<std::uint64_t>(seconds / 3600) << " hours in all, the longest " << static_cast<std::uint64_t>(longest) << " s; " << turns / seeds
            << " turns each\n";
  CHECK(snapshots >= 2 * seeds);
  CHECK(faults > seeds);
  CHECK(crimes > seeds / 2);
  CHECK(lives_with_junk >= seeds / 40);
}

TEST_CASE("sim: one seed gives one life, to the byte") {
  Life const first = live_through(7), second = live_through(7);
  CHECK(first.trace == second.trace);
  CHECK(first.digest == second.digest);
  CHECK(first.digest != live_through(8).digest);
}

TEST_CASE("sim: disks that lie about syncing are noticed") { CHECK_FALSE(noticed(Sabotage::lying_disks, 50).empty()); }

TEST_CASE("sim: servers that are never joined again are noticed") {
  CHECK(noticed(Sabotage::lasting_partition, 5) == "the servers have not become equal");
}

TEST_CASE("sim: an agent that never comes to an end is noticed") { CHECK(noticed(Sabotage::endless_outage, 1) == "it does not end"); }
