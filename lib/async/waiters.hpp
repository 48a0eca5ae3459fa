#pragma once

#include <cstddef>
#include <memory>

#include "async/task.hpp"

namespace farkeep {

/// A line of coroutines that wait for somebody to wake them: what queue, budget and scope are built on.
///
/// First come, first woken.  A coroutine that was woken returns from wait() normally even when it is cancelled in the
/// same turn, so a wake-up is never lost: its caller goes on and meets the cancellation at its next co_await.
/// Single-threaded.  Destroying the line while coroutines wait in it is safe; they are then never woken.
class Waiters {
 public:
  Waiters();
  ~Waiters();
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  /// Returns when woken; throws operation_aborted when cancelled before that.
  task<void> wait();
  /// Wakes the first in line; false when nobody waits.
  bool wake_one();
  void wake_all();
  std::size_t size() const noexcept;

 private:
  struct Line;
  std::shared_ptr<Line> line_;
};

}  // namespace farkeep
