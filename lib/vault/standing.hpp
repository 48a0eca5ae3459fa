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
  std::string name;         ///< printable; empty: it said none, and is called as it registered
  std::string deployed_as;  ///< printable; empty: not by the deployment kit
  std::uint64_t other_machine = 0;  ///< number of a snapshot under its identity that it did not make; 0: none
  bool drifted = false;     ///< its settings are not those that it was deployed with

  bool overdue() const noexcept;
};

/// What people call an agent: as it said last, else as it registered.
inline const std::string& name_of(const vault::pb::Agent& agent, const AgentStanding& standing) { return standing.name.empty() ? agent.name() : standing.name; }

/// Pure.  A report that does not parse has no jobs.
AgentStanding standing_of(const vault::pb::Told& told, WallTime now);

}  // namespace farkeep
