#include "async/waiters.hpp"
#include "support.hpp"

namespace farkeep::test {
namespace {

task<void> sleep_and_note(Timers& timers, std::chrono::nanoseconds d, int id, std::vector<int>& order) {
  co_await timers.sleep(d);
  order.push_back(id);
}

TEST_CASE("timers: virtual sleeps end in the order of their instants") {
  World w;
  std::vector<int> order;
  int left = 3;
  for (auto [d, id] : {std::pair{3s, 3}, std::pair{1s, 1}, std::pair{2s, 2}})
    asio::co_spawn(w.io, sleep_and_note(w.timers, d, id, order), [&](const std::exception_ptr&) { --left; });
  sim::run_until(w.io, w.timers, [&] { return left == 0; });
  CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE("timers: a cancelled virtual sleep throws and leaves no event behind") {
  World w;
  const SteadyTime start = w.timers.now();
  CHECK(w.run_cancelled(w.timers.sleep(1h), 1s) == aborted());
  CHECK(w.since(start) == 1s);
  CHECK(w.timers.pending() == 0);
}

TEST_CASE("timers: a cancelled real sleep throws") {
  World w;
  AsioTimers real;
  CHECK(w.run_cancelled(real.sleep(1h), 1s) == aborted());
}

TEST_CASE("timers: a sleep of zero ends") {
  World w;
  w.run(w.timers.sleep(0s));
  asio::io_context io;
  AsioTimers real;
  bool done = false;
  asio::co_spawn(io, real.sleep(0s), [&](const std::exception_ptr& e) { done = !e; });
  io.run();
  CHECK(done);
}

TEST_CASE("timers: the wall clock follows virtual time, with its skew") {
  World w;
  sim::SimClock clock{w.timers, -1h};
  const WallTime before = clock.wall();
  w.run(w.timers.sleep(90s));
  CHECK(clock.wall() - before == 90s);
  clock.set_skew(0s);
  CHECK(clock.wall() - before == 1h + 90s);
}

task<void> wait_for_ever(Waiters& line) { co_await line.wait(); }

TEST_CASE("sim: waiting for what can never happen is an error, not a hang") {
  World w;
  Waiters line;
  CHECK_THROWS_AS(w.run(wait_for_ever(line)), std::logic_error);
}

}  // namespace
}  // namespace farkeep::test
