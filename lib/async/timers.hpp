#pragma once

#include <chrono>

#include "async/task.hpp"
#include "base/clock.hpp"

namespace farkeep {

/// The only way to let time pass.  Real time in the programs, virtual time in simulations.
class Timers {
 public:
  virtual ~Timers() = default;
  /// Returns after `duration` (at once, but after a turn of the loop, when it is zero or negative).
  /// Cancelled: throws operation_aborted.
  virtual task<void> sleep(std::chrono::nanoseconds duration) = 0;
  virtual SteadyTime now() const = 0;
};

/// Asio's steady timer.
class AsioTimers final : public Timers {
 public:
  task<void> sleep(std::chrono::nanoseconds duration) override;
  SteadyTime now() const override;
};

}  // namespace farkeep
