#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "vault/registry.pb.h"

namespace farkeep {

/// How an agent stands by what it last told of itself, in this server's time.
struct AgentStanding {
  struct Job {
    std::string name, schedule;            ///< printable
    std::optional<WallTime> last_good;     ///< nothing: never
    std::optional<WallTime> overdue_from;  ///< nothing: never
    bool paused = false;
    bool overdue = false;
  };
  std::vector<Job> jobs;
  WallTime told;            ///< when
  std::string deployed_as;  ///< printable; empty: not by the deployment kit
  std::uint64_t other_machine = 0;  ///< number of a snapshot under its identity that it did not make; 0: none
  bool drifted = false;     ///< its settings are not those that it was deployed with

  bool overdue() const noexcept;
};

/// Pure.  A report that does not parse has no jobs.
AgentStanding standing_of(const vault::pb::Told& told, WallTime now);

}  // namespace farkeep
