#include "async/race.hpp"

#include <array>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/error.hpp"

namespace farkeep::detail {
namespace {

struct Ended {
  Ended() = default;
  bool second_won = false;
  std::exception_ptr first, second;
};

// The only place where a parallel group is instantiated: each one costs the compiler seconds.
task<Ended> run_both(task<void> first, task<void> second) {
  Executor executor = co_await asio::this_coro::executor;
  auto group = asio::experimental::make_parallel_group(asio::co_spawn(executor, std::move(first), asio::deferred),
                                                       asio::co_spawn(executor, std::move(second), asio::deferred));
  auto [order, e1, e2] = co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  Ended ended;
  ended.second_won = order[0] == 1;
  ended.first = e1;
  ended.second = e2;
  co_return ended;
}

bool is_abort(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

task<Winner> run_race(task<void> first, task<void> second) {
  Ended ended = co_await run_both(std::move(first), std::move(second));
  const std::exception_ptr& error = ended.second_won ? ended.second : ended.first;
  if (error) std::rethrow_exception(error);
  co_return ended.second_won ? Winner::second : Winner::first;
}

task<void> run_within(Timers& timers, std::chrono::nanoseconds duration, task<void> work, std::string doing) {
  Ended ended = co_await run_both(std::move(work), timers.sleep(duration));
  if (!ended.first) co_return;
  // Time ran out first, and not because the caller was cancelled: then the sleep ended without an error.
  // What the work threw on being cut short is only the echo of that, unless it is an error of its own from before.
  if (ended.second_won && !ended.second) throw failure(Errc::timed_out, doing);
  // Cancelled from outside: whichever side noticed first, what counts is that it was a cancellation.
  if (ended.second_won && ended.second && !is_abort(ended.second)) std::rethrow_exception(ended.second);
  std::rethrow_exception(ended.first);
}

}  // namespace farkeep::detail
