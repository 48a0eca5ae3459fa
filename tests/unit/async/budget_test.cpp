#include "async/budget.hpp"

#include "async/scope.hpp"
#include "support.hpp"

namespace farkeep::test {
namespace {

task<void> hold(Budget& budget, std::size_t size, Timers& timers, std::chrono::nanoseconds d,
                std::vector<std::size_t>& order) {
  Budget::Lease lease = co_await budget.take(size);
  order.push_back(size);
  co_await timers.sleep(d);
}

struct Holders {
  static task<void> run(World& w, Budget& budget, std::vector<std::size_t> sizes, std::vector<std::size_t>& order,
                        std::size_t& highest) {
    Scope scope{w.executor()};
    for (std::size_t size : sizes) scope.spawn(hold(budget, size, w.timers, 1s, order), "holder");
    scope.spawn(watch(budget, w.timers, sizes.size(), order, highest), "watcher");
    co_await scope.join();
  }
  static task<void> watch(Budget& budget, Timers& timers, std::size_t expected, std::vector<std::size_t>& order,
                          std::size_t& highest) {
    while (order.size() < expected) {
      highest = std::max(highest, budget.in_use());
      co_await timers.sleep(100ms);
    }
  }
};

TEST_CASE("budget: leases never exceed it, and are granted in order, large ones too") {
  World w;
  Budget budget{100};
  std::vector<std::size_t> order;
  std::size_t highest = 0;
  w.run(Holders::run(w, budget, {60, 30, 90, 1, 2, 50}, order, highest));
  CHECK(order == std::vector<std::size_t>{60, 30, 90, 1, 2, 50});
  CHECK(highest <= 100);
  CHECK(highest >= 90);
  CHECK(budget.in_use() == 0);
}

TEST_CASE("budget: one larger than all passes alone") {
  World w;
  Budget budget{100};
  std::vector<std::size_t> order;
  std::size_t highest = 0;
  w.run(Holders::run(w, budget, {10, 500, 20}, order, highest));
  CHECK(order == std::vector<std::size_t>{10, 500, 20});
  CHECK(highest == 500);
  CHECK(budget.in_use() == 0);
}

task<void> take_and_drop(Budget& budget, std::size_t size) { static_cast<void>(co_await budget.take(size)); }

TEST_CASE("budget: a cancelled request takes nothing and no longer stands in the way") {
  World w;
  Budget budget{100};
  auto held = w.run(budget.take(80));
  std::vector<std::size_t> order;
  bool small_done = false;
  asio::cancellation_signal stop;
  bool large_done = false;
  asio::co_spawn(
      w.io, take_and_drop(budget, 50),
      asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& e) { large_done = e != nullptr; }));
  asio::co_spawn(w.io, hold(budget, 20, w.timers, 0s, order), [&](const std::exception_ptr& e) { small_done = !e; });
  w.timers.after(1s, [&] { stop.emit(asio::cancellation_type::terminal); });
  sim::run_until(w.io, w.timers, [&] { return large_done && small_done; });
  CHECK(order == std::vector<std::size_t>{20});
  CHECK(budget.in_use() == 80);
}

TEST_CASE("budget: a lease moves, shrinks, gives back once, and may outlive the budget") {
  World w;
  auto budget = std::make_unique<Budget>(100);
  auto a = w.run(budget->take(40));
  auto b = std::move(a);
  CHECK(budget->in_use() == 40);
  a.release();
  CHECK(budget->in_use() == 40);
  b.shrink_to(10);
  CHECK(budget->in_use() == 10);
  auto c = w.run(budget->take(50));
  b = std::move(c);
  CHECK(budget->in_use() == 50);
  b.release();
  b.release();
  CHECK(budget->in_use() == 0);
  auto late = w.run(budget->take(1));
  budget.reset();
}

TEST_CASE("budget: bytes granted to a request that is cancelled in the same turn come back") {
  World w;
  Budget budget{100};
  auto held = w.run(budget.take(100));
  asio::cancellation_signal stop;
  bool done = false;
  asio::co_spawn(w.io, take_and_drop(budget, 50),
                 asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr&) { done = true; }));
  w.timers.after(1s, [&] {
    held.release();
    stop.emit(asio::cancellation_type::terminal);
  });
  sim::run_until(w.io, w.timers, [&] { return done; });
  CHECK(budget.in_use() == 0);
}

}  // namespace
}  // namespace farkeep::test
