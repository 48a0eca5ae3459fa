#pragma once

#include <array>
#include <set>

#include "sim/agent_machine.hpp"
#include "sim/server_machine.hpp"

namespace farkeep::sim {

/// What happens to machines and lines, by chance: which, when, how long.
class Faults {
 public:
  Faults(Earth& earth, ServerMachine& east, ServerMachine& west, AgentMachine& agent);

  /// Strikes now and then until it is cancelled.
  task<void> run();
  /// All is well from now on: lines whole, disks with room, nothing armed.  A machine that is down comes up by itself.
  void heal();
  unsigned count() const { return count_; }

 private:
  void strike();
  void cut_a_line();
  void stop(Machine& machine);
  void harm_disk(Machine& machine);
  void spoil_lines();
  Machine& any() { return *machines_[dice_.below(machines_.size())]; }

  Earth& earth_;
  std::array<Machine*, 3> machines_;
  Dice dice_;
  const std::chrono::nanoseconds between_;
  const Lines good_;
  std::set<Machine*> harmed_;  // their disks have failed, or will
  unsigned count_ = 0;
};

}  // namespace farkeep::sim
