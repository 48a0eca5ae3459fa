#include "async/queue.hpp"

#include <memory>

#include "async/scope.hpp"
#include "support.hpp"

namespace farkeep::test {
namespace {

using Items = Queue<std::unique_ptr<int>>;

task<void> produce(Items& queue, int count, std::size_t& highest) {
  for (int i = 0; i < count; ++i) {
    auto item = std::make_unique<int>(i);
    co_await queue.push(std::move(item));
    highest = std::max(highest, queue.size());
  }
  queue.close();
}
task<void> consume(Items& queue, std::vector<int>& got) {
  while (auto item = co_await queue.pop()) got.push_back(**item);
}
task<void> consume_slowly(Items& queue, Timers& timers, std::vector<int>& got) {
  while (auto item = co_await queue.pop()) {
    got.push_back(**item);
    co_await timers.sleep(1s);
  }
}
task<void> pipeline(World& w, Items& queue, int count, std::vector<int>& got, std::size_t& highest) {
  Scope scope{w.executor()};
  scope.spawn(produce(queue, count, highest), "producer");
  scope.spawn(consume_slowly(queue, w.timers, got), "consumer");
  co_await scope.join();
}

TEST_CASE("queue: a slow consumer bounds the producer, and every item arrives in order, at any capacity") {
  for (std::size_t capacity : {1U, 2U, 7U, 100U}) {
    World w;
    Items queue{capacity};
    std::vector<int> got;
    std::size_t highest = 0;
    w.run(pipeline(w, queue, 20, got, highest));
    REQUIRE(got.size() == 20);
    for (int i = 0; i < 20; ++i) CHECK(got[static_cast<std::size_t>(i)] == i);
    CHECK(highest <= capacity);
    CHECK(queue.size() == 0);
  }
}

TEST_CASE("queue: close drains what is buffered, then ends, and ends again") {
  World w;
  Items queue{5};
  std::vector<int> got;
  std::size_t highest = 0;
  w.run(produce(queue, 5, highest));
  CHECK(queue.size() == 5);
  w.run(consume(queue, got));
  CHECK(got == std::vector{0, 1, 2, 3, 4});
  CHECK_FALSE(w.run(queue.pop()).has_value());
}

TEST_CASE("queue: a push into a closed queue is refused") {
  World w;
  Items queue{5};
  queue.close();
  CHECK(w.error_of(queue.push(std::make_unique<int>(1))) == Errc::cancelled);
  auto item = std::make_unique<int>(1);
  CHECK_FALSE(queue.try_push(item));
  CHECK(item);
}

task<void> push_and_expect(Items& queue, Errc expected, bool& seen) {
  auto item = std::make_unique<int>(1);
  try {
    co_await queue.push(std::move(item));
  } catch (const failure& e) {
    seen = e.code() == expected;
  }
}
task<void> close_later(Items& queue, Timers& timers) {
  co_await timers.sleep(1s);
  queue.close();
}
task<void> waiting_push_meets_close(World& w, Items& queue, bool& seen) {
  Scope scope{w.executor()};
  scope.spawn(push_and_expect(queue, Errc::cancelled, seen), "pusher");
  scope.spawn(close_later(queue, w.timers), "closer");
  co_await scope.join();
}
TEST_CASE("queue: a push that waits for room hears of the close") {
  World w;
  Items queue{1};
  auto first = std::make_unique<int>(0);
  REQUIRE(queue.try_push(first));
  bool seen = false;
  w.run(waiting_push_meets_close(w, queue, seen));
  CHECK(seen);
}

std::exception_ptr an_error(Errc code) { return std::make_exception_ptr(failure(code, "testing")); }

TEST_CASE("queue: fail reaches both sides, drops what is buffered, and leaves what was popped alone") {
  World w;
  Items queue{5};
  for (int i = 0; i < 3; ++i) {
    auto item = std::make_unique<int>(i);
    REQUIRE(queue.try_push(item));
  }
  auto popped = w.run(queue.pop());
  queue.fail(an_error(Errc::quota));
  queue.fail(an_error(Errc::io));
  REQUIRE(popped);
  CHECK(**popped == 0);
  CHECK(queue.size() == 0);
  CHECK(w.error_of(queue.pop()) == Errc::quota);
  CHECK(w.error_of(queue.push(std::make_unique<int>(1))) == Errc::quota);
}

task<void> pop_forever(Items& queue) { static_cast<void>(co_await queue.pop()); }

TEST_CASE("queue: a cancelled pop takes nothing") {
  World w;
  Items queue{2};
  CHECK(w.run_cancelled(pop_forever(queue), 1s) == aborted());
  auto item = std::make_unique<int>(4);
  REQUIRE(queue.try_push(item));
  CHECK(queue.size() == 1);
  CHECK(**w.run(queue.pop()) == 4);
}

task<void> push_one(Items& queue, int value) {
  auto item = std::make_unique<int>(value);
  co_await queue.push(std::move(item));
}
TEST_CASE("queue: a cancelled push puts nothing") {
  World w;
  Items queue{1};
  w.run(push_one(queue, 1));
  CHECK(w.run_cancelled(push_one(queue, 2), 1s) == aborted());
  CHECK(**w.run(queue.pop()) == 1);
  CHECK(queue.size() == 0);
}

// The item comes while the consumer is being cancelled in the same turn: it is either taken or still there.
task<void> take_into(Items& queue, std::vector<int>& got) {
  auto item = co_await queue.pop();
  if (item) got.push_back(**item);
}
TEST_CASE("queue: an item that meets a cancelled consumer is not lost") {
  World w;
  Items queue{1};
  std::vector<int> got;
  asio::cancellation_signal stop;
  bool done = false;
  asio::co_spawn(w.io, take_into(queue, got),
                 asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr&) { done = true; }));
  w.timers.after(1s, [&] {
    auto item = std::make_unique<int>(1);
    REQUIRE(queue.try_push(item));
    stop.emit(asio::cancellation_type::terminal);
  });
  sim::run_until(w.io, w.timers, [&] { return done; });
  CHECK(got.size() + queue.size() == 1);
}

task<void> many(World& w, Items& queue, std::vector<int>& got, std::size_t& highest) {
  Scope scope{w.executor()};
  for (int i = 0; i < 3; ++i) scope.spawn(consume(queue, got), "consumer");
  scope.spawn(produce(queue, 50, highest), "producer");
  co_await scope.join();
}
TEST_CASE("queue: several consumers share the items and all see the end") {
  World w;
  Items queue{2};
  std::vector<int> got;
  std::size_t highest = 0;
  w.run(many(w, queue, got, highest));
  CHECK(got.size() == 50);
}

}  // namespace
}  // namespace farkeep::test
