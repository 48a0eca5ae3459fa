#include "async/budget.hpp"

#include <map>

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

struct Sharing {
  World w;
  Budget budget{120};
  std::map<std::string, Budget::Share> shares;
  std::vector<Budget::Lease> held;
  std::vector<std::string> order;

  void ask(const std::string& who, std::size_t size) {
    asio::co_spawn(w.io, budget.take(shares[who], size), [this, who](const std::exception_ptr& e, Budget::Lease lease) {
      REQUIRE_FALSE(e);
      order.push_back(who);
      held.push_back(std::move(lease));
    });
    w.io.restart();
    w.io.poll();
  }
};

TEST_CASE("budget: one who competes has a third, several have less, and something is left for the next one") {
  Sharing s;
  for (int i = 0; i < 20; ++i) s.ask("a", 4);
  CHECK(s.shares["a"].in_use() == 40);
  CHECK_FALSE(s.budget.is_scarce());  // it waits for its own share
  for (const char* who : {"b", "c", "d", "e", "f"})
    for (int i = 0; i < 20; ++i) s.ask(who, 4);
  CHECK(s.budget.in_use() < 110);
  CHECK_FALSE(s.budget.is_scarce());
  s.ask("honest", 10);
  CHECK(s.order.back() == "honest");
  s.held.clear();
  CHECK(s.shares["a"].in_use() > 0);  // what waited
}

TEST_CASE("budget: who waits for its own share is passed, who waits for all is not, and then it is scarce") {
  Sharing s;
  s.ask("a", 30);
  s.ask("a", 60);
  s.ask("b", 5);
  s.ask("a", 1);  // in order behind its own
  CHECK(s.order == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(s.budget.is_scarce());
  s.ask("c", 90);
  CHECK(s.budget.is_scarce());
  s.ask("d", 1);
  CHECK(s.order == std::vector<std::string>{"a", "b"});
  s.held.erase(s.held.begin());
  s.w.io.restart();
  s.w.io.poll();
  CHECK(s.order.size() >= 3);
  CHECK(s.order[2] == "a");  // holds nothing now, and came first
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
