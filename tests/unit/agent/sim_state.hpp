#pragma once

#include <boost/asio/io_context.hpp>

#include "agent/state.hpp"
#include "crypto/random.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"

namespace farkeep::test {

/// An agent's folder in memory, and a clock that moves when it is told.
struct SimState {
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  SystemRandom random;
  sim::SimDisk disk;
  AgentState state{disk, "/state"};

  std::int64_t now() const { return clock.wall().time_since_epoch().count(); }
  void pass(std::chrono::nanoseconds time) { sim::run(io, timers, timers.sleep(time)); }
};

}  // namespace farkeep::test
