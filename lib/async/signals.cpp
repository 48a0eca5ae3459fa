#include "async/signals.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

namespace farkeep {

struct Signals::Set {
  explicit Set(const Executor& executor) : signals(executor, SIGTERM, SIGINT) {
#ifdef SIGHUP  // not on Windows
    signals.add(SIGHUP);
#endif
  }
  asio::signal_set signals;
};

Signals::Signals(const Executor& executor) : set_(std::make_unique<Set>(executor)) {}
Signals::~Signals() = default;

void Signals::ask_reload() {
#ifdef SIGHUP
  std::raise(SIGHUP);
#endif
}

task<Signal> Signals::next() {
  const int number = co_await set_->signals.async_wait(asio::use_awaitable);
  co_return number == SIGTERM || number == SIGINT ? Signal::stop : Signal::reload;
}

}  // namespace farkeep
