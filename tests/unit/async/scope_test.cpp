#include "async/scope.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include "support.hpp"

namespace farkeep::test {
namespace {

task<void> note(std::vector<int>& log, int id) {
  log.push_back(id);
  co_return;
}
task<void> note_after(Timers& timers, std::chrono::nanoseconds d, std::vector<int>& log, int id) {
  co_await timers.sleep(d);
  log.push_back(id);
}
task<void> fail_in(Timers& timers, std::chrono::nanoseconds d, Errc code) {
  co_await timers.sleep(d);
  throw failure(code, "testing");
}
// On being cancelled, says goodbye for a second before it goes.
task<void> polite(Timers& timers, std::vector<int>& log, int id) {
  std::exception_ptr stopped;
  try {
    co_await timers.sleep(24h);
  } catch (...) {
    stopped = std::current_exception();
  }
  co_await asio::this_coro::reset_cancellation_state();
  co_await timers.sleep(1s);
  log.push_back(id);
  std::rethrow_exception(stopped);
}

task<void> three_children(World& w, std::vector<int>& log) {
  Scope scope{w.executor()};
  scope.spawn(note_after(w.timers, 2s, log, 2), "two");
  scope.spawn(note_after(w.timers, 1s, log, 1), "one");
  scope.spawn(note(log, 0), "none");
  CHECK(log.empty());
  CHECK(scope.running() == 3);
  co_await scope.join();
  CHECK(scope.running() == 0);
}

TEST_CASE("scope: join waits for every child, and spawn runs nothing by itself") {
  World w;
  std::vector<int> log;
  w.run(three_children(w, log));
  CHECK(log == std::vector{0, 1, 2});
}

task<void> join_empty(World& w) {
  Scope scope{w.executor()};
  co_await scope.join();
}
TEST_CASE("scope: join of an empty scope returns") {
  World w;
  w.run(join_empty(w));
}

task<void> one_fails(World& w, std::vector<int>& log) {
  Scope scope{w.executor()};
  scope.spawn(polite(w.timers, log, 1), "waits");
  scope.spawn(polite(w.timers, log, 2), "waits too");
  scope.spawn(fail_in(w.timers, 5s, Errc::quota), "fails");
  co_await scope.join();
}
TEST_CASE("scope: a child's error cancels the siblings and is rethrown only after their farewells") {
  World w;
  std::vector<int> log;
  const SteadyTime start = w.timers.now();
  CHECK(w.error_of(one_fails(w, log)) == Errc::quota);
  CHECK(log == std::vector{1, 2});
  CHECK(w.since(start) == 6s);
}

task<void> two_fail(World& w) {
  Scope scope{w.executor()};
  scope.spawn(fail_in(w.timers, 2s, Errc::io), "second");
  scope.spawn(fail_in(w.timers, 1s, Errc::quota), "first");
  scope.spawn(fail_in(w.timers, 1s, Errc::no_space), "at the same instant, later in line");
  co_await scope.join();
}
TEST_CASE("scope: of several errors the first is rethrown") {
  World w;
  CHECK(w.error_of(two_fail(w)) == Errc::quota);
}

task<void> fails_at_once() {
  throw failure(Errc::protocol, "testing");
  co_return;
}
task<void> child_fails_synchronously(World& w, std::vector<int>& log) {
  Scope scope{w.executor()};
  scope.spawn(fails_at_once(), "fails");
  scope.spawn(polite(w.timers, log, 1), "never starts, or is cancelled");
  co_await scope.join();
}
TEST_CASE("scope: a child that fails before its first wait") {
  World w;
  std::vector<int> log;
  CHECK(w.error_of(child_fails_synchronously(w, log)) == Errc::protocol);
}

TEST_CASE("scope: a cancelled parent leaves only after its children, and with an abort") {
  World w;
  std::vector<int> log;
  struct Parent {
    static task<void> run(World& world, std::vector<int>& ended) {
      Scope scope{world.executor()};
      scope.spawn(polite(world.timers, ended, 1), "polite");
      co_await scope.join();
    }
  };
  const SteadyTime start = w.timers.now();
  CHECK(w.run_cancelled(Parent::run(w, log), 10s) == aborted());
  CHECK(log == std::vector{1});
  CHECK(w.since(start) == 11s);
}

task<void> fails_when_stopped(Timers& timers) {
  try {
    co_await timers.sleep(24h);
  } catch (const boost::system::system_error&) {
  }
  throw failure(Errc::io, "saving the journal");
}
TEST_CASE("scope: a real error on the way out is not hidden by the cancellation") {
  World w;
  struct Parent {
    static task<void> run(World& world) {
      Scope scope{world.executor()};
      scope.spawn(fails_when_stopped(world.timers), "journal");
      co_await scope.join();
    }
  };
  CHECK(w.run_cancelled(Parent::run(w), 10s) == Errc::io);
}

TEST_CASE("scope: whoever takes a child's error for the only news stays cancelled all the same") {
  World w;
  std::vector<int> log;
  struct Parent {
    static task<void> run(World& world, std::vector<int>& went_on) {
      Scope scope{world.executor()};
      scope.spawn(fails_when_stopped(world.timers), "journal");
      try {
        co_await scope.join();
      } catch (const failure&) {
        went_on.push_back(1);
      }
      co_await world.timers.sleep(24h);
      went_on.push_back(2);
    }
  };
  CHECK(w.run_cancelled(Parent::run(w, log), 10s) == aborted());
  CHECK(log == std::vector{1});
}

task<void> stop_it(Scope& scope, Timers& timers) {
  co_await timers.sleep(1s);
  scope.cancel();
  scope.cancel();
}
task<void> cancels_itself(World& w, std::vector<int>& log) {
  Scope scope{w.executor()};
  scope.spawn(polite(w.timers, log, 1), "polite");
  scope.spawn(stop_it(scope, w.timers), "stops");
  co_await scope.join();
  CHECK(scope.cancelled());
  scope.spawn(note(log, 99), "too late");
  co_await scope.join();
}
TEST_CASE("scope: cancel by a child ends all, is no error, and later children never start") {
  World w;
  std::vector<int> log;
  w.run(cancels_itself(w, log));
  CHECK(log == std::vector{1});
}

task<void> abort_unasked() {
  throw boost::system::system_error(asio::error::operation_aborted, "somebody closed my socket");
  co_return;
}
TEST_CASE("scope: an abort that nobody asked for is an error") {
  World w;
  struct Parent {
    static task<void> run(World& world) {
      Scope scope{world.executor()};
      scope.spawn(abort_unasked(), "odd");
      co_await scope.join();
    }
  };
  CHECK(w.error_of(Parent::run(w)) == aborted());
}

task<void> spawn_more(Scope& scope, Timers& timers, std::vector<int>& log, int depth) {
  co_await timers.sleep(1s);
  log.push_back(depth);
  if (depth < 3) scope.spawn(spawn_more(scope, timers, log, depth + 1), "child of a child");
}
TEST_CASE("scope: children spawned by children are joined too") {
  World w;
  std::vector<int> log;
  struct Parent {
    static task<void> run(World& world, std::vector<int>& l) {
      Scope scope{world.executor()};
      scope.spawn(spawn_more(scope, world.timers, l, 0), "root");
      co_await scope.join();
    }
  };
  w.run(Parent::run(w, log));
  CHECK(log == std::vector{0, 1, 2, 3});
}

TEST_CASE("scope: a parent cancelled before it joins never starts its children") {
  World w;
  std::vector<int> log;
  struct Parent {
    // Swallows the cancellation of its first wait, as a wait that completes in the same turn would.
    static task<void> run(World& world, std::vector<int>& l) {
      try {
        co_await world.timers.sleep(1h);
      } catch (const boost::system::system_error&) {
      }
      Scope scope{world.executor()};
      scope.spawn(note(l, 1), "never");
      co_await scope.join();
    }
  };
  CHECK(w.run_cancelled(Parent::run(w, log), 1s) == aborted());
  while (w.io.poll() != 0) w.io.restart();
  CHECK(log.empty());
}

TEST_CASE("scope: a context torn down with children still waiting is clean") {
  World w;
  std::vector<int> log;
  struct Parent {
    static task<void> run(World& world, std::vector<int>& l) {
      Scope scope{world.executor()};
      scope.spawn(note_after(world.timers, 1h, l, 1), "waits");
      co_await scope.join();
    }
  };
  asio::co_spawn(w.io, Parent::run(w, log), [](const std::exception_ptr&) {});
  w.io.poll();
  CHECK(w.timers.pending() == 1);
}

}  // namespace
}  // namespace farkeep::test
