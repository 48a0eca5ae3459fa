#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "async/race.hpp"
#include "async/task.hpp"
#include "async/timers.hpp"
#include "base/clock.hpp"

namespace farkeep::sim {

/// Virtual time: stands still until advance() moves it to the next event.  Everything that happens is ordered by
/// (instant, order of scheduling), so a run with the same seeds is the same run.
class SimTimers final : public Timers {
 public:
  SimTimers();
  ~SimTimers() override;

  task<void> sleep(std::chrono::nanoseconds duration) override;
  SteadyTime now() const override;
  /// Runs `event` when time gets there; it must not throw.
  void at(SteadyTime when, std::function<void()> event);
  void after(std::chrono::nanoseconds delay, std::function<void()> event) { at(now() + delay, std::move(event)); }

  /// Moves time to the earliest event and runs all that are due then; false when there is none.
  bool advance();
  std::size_t pending() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The wall and steady clocks on the same virtual time.  `skew` plays a machine whose clock is wrong.
class SimClock final : public Clock {
 public:
  explicit SimClock(const SimTimers& timers, std::chrono::nanoseconds skew = {}) : timers_(timers), skew_(skew) {}
  WallTime wall() const override;
  SteadyTime steady() const override { return timers_.now(); }
  void set_skew(std::chrono::nanoseconds skew) { skew_ = skew; }

 private:
  const SimTimers& timers_;
  std::chrono::nanoseconds skew_;
};

/// Runs everything that is ready, then advances, until done() holds.  Throws std::logic_error when nothing can ever
/// happen any more: a deadlock is a test failure, not a hang.
void run_until(asio::io_context& io, SimTimers& timers, const std::function<bool()>& done);

/// Runs one task to its end in virtual time; its value, or its exception.
template <class T>
T run(asio::io_context& io, SimTimers& timers, task<T> work) {
  bool done = false;
  std::exception_ptr error;
  auto ended = [&](const std::exception_ptr& e) {
    error = e;
    done = true;
  };
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(io, std::move(work), ended);
    run_until(io, timers, [&] { return done; });
    if (error) std::rethrow_exception(error);
  } else {
    std::optional<T> value;
    asio::co_spawn(io, detail::store(std::move(work), value), ended);
    run_until(io, timers, [&] { return done; });
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
}

}  // namespace farkeep::sim
