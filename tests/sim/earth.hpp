#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "async/workers.hpp"
#include "sim/dice.hpp"
#include "sim/sim_net.hpp"
#include "sim/trace.hpp"

namespace farkeep::sim {

/// Work on "threads" that takes a moment of virtual time, so that everything else goes on meanwhile and the power may go in between.
/// Like ThreadWorkers: what was handed over is done, whatever becomes of the caller.
class SimWorkers final : public Workers {
 public:
  SimWorkers(SimTimers& timers, Dice& dice, std::chrono::nanoseconds mean) : timers_(timers), dice_(dice), mean_(mean) {}
  std::size_t threads() const noexcept override { return 2; }

 protected:
  task<void> run(Job& job) override {
    auto start = [](auto handler, SimTimers* timers, std::chrono::nanoseconds time, Job* work) {
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      auto done = [shared, home = asio::make_work_guard(*shared), work] {
        work->work();
        asio::post(home.get_executor(), std::move(*shared));
      };
      timers->after(time, std::move(done));
    };
    auto const time = dice_.around(mean_);
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(start, asio::use_awaitable, &timers_, time, &job);
  }

 private:
  SimTimers& timers_;
  Dice& dice_;
  const std::chrono::nanoseconds mean_;
};

/// A promise was broken: what no fault excuses.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What all machines of a simulation stand on: one loop, one time, one network, one source of chance.
struct Earth {
  Earth(std::uint64_t s, std::ostream* live) : seed(s), trace(timers, live), net(timers, s * 0x9e3779b97f4a7c15U + 1) {}

  const std::uint64_t seed;
  asio::io_context io{1};
  SimTimers timers;
  Trace trace;
  Dice dice{seed};
  SimNet net;
  SimWorkers workers{timers, dice, std::chrono::microseconds{dice.between(100, dice.chance(0.5) ? 1'000 : 20'000)}};  // a fast disk, or a slow one

  /// The first promise that was broken; the simulation ends with it.
  std::string violated;
  [[noreturn]] void violate(std::string what) {
    trace.add("VIOLATION: {}", what);
    if (violated.empty()) violated = what;
    throw Violation{std::move(what)};
  }

  /// A source of keys of its own for everybody, so that one machine's crash does not change what the others draw.
  std::uint64_t next_seed() { return dice.raw(); }
};

}  // namespace farkeep::sim
