#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/system_error.hpp>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "sim/sim_timers.hpp"

namespace farkeep::test {

using namespace std::chrono_literals;

/// One loop on virtual time.
struct World {
  asio::io_context io;
  sim::SimTimers timers;

  template <class T>
  T run(task<T> work) {
    return sim::run(io, timers, std::move(work));
  }
  Executor executor() { return io.get_executor(); }
  /// Virtual time since `start`.
  std::chrono::nanoseconds since(SteadyTime start) const { return timers.now() - start; }

  /// Starts `work`, cancels it after `delay`, and waits for its end: the error it ended with.
  boost::system::error_code run_cancelled(task<void> work, std::chrono::nanoseconds delay) {
    asio::cancellation_signal stop;
    bool done = false;
    boost::system::error_code code;
    asio::co_spawn(io, std::move(work), asio::bind_cancellation_slot(stop.slot(), [&](const std::exception_ptr& e) {
                     done = true;
                     code = code_of(e);
                   }));
    timers.after(delay, [&] { stop.emit(asio::cancellation_type::terminal); });
    sim::run_until(io, timers, [&] { return done; });
    return code;
  }

  static boost::system::error_code code_of(const std::exception_ptr& e) {
    if (!e) return {};
    try {
      std::rethrow_exception(e);
    } catch (const boost::system::system_error& error) {
      return error.code();
    }
  }
  /// The error code that a piece of work ends with.
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

inline boost::system::error_code aborted() { return asio::error::operation_aborted; }

}  // namespace farkeep::test
