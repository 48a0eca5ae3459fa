// What the pieces of async cost: one round trip of offload, one with_timeout that is not needed, one item through a
// queue.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "async/queue.hpp"
#include "async/race.hpp"
#include "async/scope.hpp"
#include "async/workers.hpp"

namespace farkeep {
namespace {

int add_one(int x) { return x + 1; }

task<void> hops(Workers& workers, int count) {
  int x = 0;
  while (x < count) x = co_await workers.offload(&add_one, x);
}
task<int> ready(int x) { co_return x; }
task<void> timeouts(Timers& timers, int count) {
  for (int i = 0; i < count; ++i) co_await with_timeout(timers, std::chrono::seconds{10}, ready(i), "measuring");
}
task<void> produce(Queue<int>& queue, int count) {
  for (int i = 0; i < count; ++i) co_await queue.push(i);
  queue.close();
}
task<void> consume(Queue<int>& queue) {
  for (;;) {
    auto item = co_await queue.pop();
    if (!item) break;
  }
}
task<void> pipe(Queue<int>& queue, int count, Executor executor) {
  Scope scope{executor};
  scope.spawn(produce(queue, count), "producer");
  scope.spawn(consume(queue), "consumer");
  co_await scope.join();
}

template <class Start>
void measure(const char* what, int count, Start start) {
  asio::io_context io{1};
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  start(io);
  io.run();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  const double cpu_us = static_cast<double>(std::clock() - cpu) * 1e6 / CLOCKS_PER_SEC;
  std::printf("%-44s %8.3f us, %8.3f us of CPU\n", what, took.count() / count, cpu_us / count);
}

}  // namespace
}  // namespace farkeep

int main() {
  using namespace farkeep;
  auto rethrow = [](const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
  };
  ThreadWorkers pool{2};
  InlineWorkers here;
  AsioTimers timers;
  const int n = 100'000;
  measure("offload, one at a time, there and back", n, [&](auto& io) { asio::co_spawn(io, hops(pool, n), rethrow); });
  measure("offload, eight callers, per call", n, [&](auto& io) {
    for (int i = 0; i < 8; ++i) asio::co_spawn(io, hops(pool, n / 8), rethrow);
  });
  measure("offload, inline", n, [&](auto& io) { asio::co_spawn(io, hops(here, n), rethrow); });
  measure("with_timeout around a value that is there", n,
          [&](auto& io) { asio::co_spawn(io, timeouts(timers, n), rethrow); });
  for (std::size_t capacity : {1U, 16U}) {
    Queue<int> queue{capacity};
    measure(capacity == 1 ? "queue of 1, per item" : "queue of 16, per item", n,
            [&](auto& io) { asio::co_spawn(io, pipe(queue, n, io.get_executor()), rethrow); });
  }
}
