#include "async/timers.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace farkeep {

task<void> AsioTimers::sleep(std::chrono::nanoseconds duration) {
  asio::steady_timer timer{co_await asio::this_coro::executor};
  timer.expires_after(duration);
  co_await timer.async_wait(asio::use_awaitable);
}

SteadyTime AsioTimers::now() const { return std::chrono::steady_clock::now(); }

}  // namespace farkeep
