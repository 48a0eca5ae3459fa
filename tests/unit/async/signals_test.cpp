#include "async/signals.hpp"

#include <csignal>

#include "support.hpp"

namespace farkeep::test {
namespace {

task<void> hear(Signals& signals, std::vector<Signal>& heard) {
  for (int i = 0; i < 3; ++i) heard.push_back(co_await signals.next());
}

TEST_CASE("signals: each becomes what it means, also one that came while nobody waited") {
  asio::io_context io;
  Signals signals{io.get_executor()};
  std::raise(SIGHUP);
  std::raise(SIGTERM);
  std::raise(SIGINT);
  std::vector<Signal> heard;
  asio::co_spawn(io, hear(signals, heard), [](const std::exception_ptr& e) { CHECK(e == nullptr); });
  io.run();
  std::sort(heard.begin(), heard.end());
  CHECK(heard == std::vector{Signal::stop, Signal::stop, Signal::reload});
}

task<void> hear_one(Signals& signals) { static_cast<void>(co_await signals.next()); }

TEST_CASE("signals: waiting can be cancelled") {
  World w;
  Signals signals{w.executor()};
  CHECK(w.run_cancelled(hear_one(signals), 1s) == aborted());
}

}  // namespace
}  // namespace farkeep::test
