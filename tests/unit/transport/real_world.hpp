#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>

#include "async/scope.hpp"
#include "pki.hpp"
#include "tls_world.hpp"
#include "transport/direct_dialer.hpp"

namespace farkeep::test {

/// Real sockets on the loopback net.  Timers are virtual and advance only when a test says so: no test waits for time.
struct RealWorld {
  asio::io_context io;
  sim::SimTimers timers;
  sim::SimClock clock{timers};
  DirectDialer dialer{io.get_executor(), timers};
  Pki pki{clock.wall()};

  /// Runs the loop until it holds; a test that would hang fails instead.
  void until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!done()) {
      io.restart();
      io.run_one_for(std::chrono::milliseconds{20});
      if (std::chrono::steady_clock::now() > deadline) throw std::logic_error("nothing happened for a minute");
    }
  }
  template <class T>
  T run(task<T> work) {
    bool done = false;
    std::exception_ptr error;
    auto ended = [&](const std::exception_ptr& e) {
      error = e;
      done = true;
    };
    if constexpr (std::is_void_v<T>) {
      asio::co_spawn(io, std::move(work), ended);
      until([&] { return done; });
      if (error) std::rethrow_exception(error);
    } else {
      std::optional<T> value;
      asio::co_spawn(io, detail::store(std::move(work), value), ended);
      until([&] { return done; });
      if (error) std::rethrow_exception(error);
      return std::move(*value);
    }
  }
  template <class T>
  boost::system::error_code error_of(task<T> work) {
    try {
      static_cast<void>(run(std::move(work)));
    } catch (const boost::system::system_error& e) {
      return e.code();
    }
    return {};
  }
};

}  // namespace farkeep::test
