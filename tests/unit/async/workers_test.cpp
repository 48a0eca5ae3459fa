#include "async/workers.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <thread>

#include "support.hpp"

namespace farkeep::test {
namespace {

std::unique_ptr<std::string> join(std::unique_ptr<std::string> a, std::string b) {
  return std::make_unique<std::string>(*a + b);
}
std::thread::id where_am_i() { return std::this_thread::get_id(); }
int fails(int code) { throw failure(static_cast<Errc>(code), "testing"); }
void nothing() {}

task<void> use(Workers& workers, bool elsewhere) {
  const auto home = std::this_thread::get_id();
  auto joined = co_await workers.offload(&join, std::make_unique<std::string>("a"), std::string{"b"});
  CHECK(*joined == "ab");
  CHECK(std::this_thread::get_id() == home);
  const auto there = co_await workers.offload(&where_am_i);
  CHECK((there != home) == elsewhere);
  CHECK(std::this_thread::get_id() == home);
  co_await workers.offload(&nothing);
  boost::system::error_code seen;
  try {
    static_cast<void>(co_await workers.offload(&fails, static_cast<int>(Errc::no_space)));
  } catch (const failure& e) {
    seen = e.code();
  }
  CHECK(seen == Errc::no_space);
  CHECK(std::this_thread::get_id() == home);
}

// Runs in real time: the loop must stay alive while only a thread knows of the coroutine.
template <class T>
std::exception_ptr run_real(asio::io_context& io, task<T> work) {
  std::exception_ptr error;
  asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& e) { error = e; });
  io.run();
  return error;
}

TEST_CASE("workers: a pool takes and returns values, carries exceptions back, and resumes the caller at home") {
  asio::io_context io;
  ThreadWorkers workers{2};
  CHECK(workers.threads() == 2);
  CHECK(run_real(io, use(workers, true)) == nullptr);
}

TEST_CASE("workers: inline work runs in the calling thread") {
  World w;
  InlineWorkers workers;
  w.run(use(workers, false));
}

struct Counted {
  explicit Counted(int& a) : alive(&a) { ++*alive; }
  Counted(Counted&& o) noexcept : alive(o.alive) { ++*alive; }
  ~Counted() { --*alive; }
  int* alive;
};
int consume_counted(Counted, int x) { return x; }
task<void> count_objects(Workers& workers, int& alive) {
  int x = co_await workers.offload(&consume_counted, Counted{alive}, 3);
  CHECK(x == 3);
}
TEST_CASE("workers: every argument is destroyed exactly once") {
  asio::io_context io;
  ThreadWorkers workers{1};
  int alive = 0;
  CHECK(run_real(io, count_objects(workers, alive)) == nullptr);
  CHECK(alive == 0);
}

task<void> many(Workers& workers, int& sum) {
  for (int i = 0; i < 1000; ++i) sum += co_await workers.offload(std::plus<int>{}, i, 1);
}
TEST_CASE("workers: many callers at once all get their own results") {
  asio::io_context io;
  ThreadWorkers workers{2};
  int sums[8] = {};
  for (int& sum : sums)
    asio::co_spawn(io, many(workers, sum), [](const std::exception_ptr& e) { CHECK(e == nullptr); });
  io.run();
  for (int sum : sums) CHECK(sum == 1000 * 999 / 2 + 1000);
}

task<void> cancelled_while_working(Workers& workers, asio::cancellation_signal& stop, bool& came_back) {
  co_await asio::post(asio::use_awaitable);
  stop.emit(asio::cancellation_type::terminal);
  // Already cancelled: the next co_await throws and the work never starts.
  co_await workers.offload(&nothing);
  came_back = true;
}
TEST_CASE("workers: a cancelled caller starts no work") {
  asio::io_context io;
  ThreadWorkers workers{1};
  asio::cancellation_signal stop;
  bool came_back = false;
  boost::system::error_code code;
  asio::co_spawn(
      io, cancelled_while_working(workers, stop, came_back),
      asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& e) { code = World::code_of(e); }));
  io.run();
  CHECK(code == aborted());
  CHECK_FALSE(came_back);
}

}  // namespace
}  // namespace farkeep::test
