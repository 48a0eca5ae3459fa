#include "sim/machine.hpp"

#include <boost/asio/this_coro.hpp>

#include "base/error.hpp"

namespace farkeep::sim {
namespace {
constexpr auto kRestartPause = std::chrono::seconds{5};  // of a program that ended by itself
}

Machine::Machine(Earth& earth, std::string name, const char* address)
    : earth_(earth), name_(std::move(name)), address_(asio::ip::make_address(address)), tear_(static_cast<std::mt19937::result_type>(earth.next_seed())) {
  disk_.when_power_goes([this] {
    earth_.trace.add("{}: the power goes", name_);
    earth_.net.crash(address_);
    stop_ = true;
    stopping_.wake_all();
  });
}

void Machine::crash(Cut cut, std::chrono::nanoseconds pause) {
  cut_ = cut;
  pause_ = pause;
  disk_.cut_power();
}

void Machine::crash_after(std::uint64_t n, Cut cut, std::chrono::nanoseconds pause) {
  cut_ = cut;
  pause_ = pause;
  disk_.cut_power_after(n);
}

void Machine::set_back(std::shared_ptr<const SimDisk::Image> to, std::chrono::nanoseconds pause) {
  earlier_ = std::move(to);
  crash(Cut::drop_all, pause);
}

void Machine::restart(std::chrono::nanoseconds pause) {
  earth_.trace.add("{}: is told to stop", name_);
  pause_ = pause;
  stop_ = true;
  stopping_.wake_all();
}

void Machine::finish() {
  finished_ = stop_ = true;
  stopping_.wake_all();
}

// 1. the program, until it ends or is stopped  2. what it left is taken down  3. a pause, the power, again
task<void> Machine::run() {
  while (!finished_) {
    earth_.trace.add("{}: starts", name_);
    Scope scope{co_await asio::this_coro::executor};
    scope.spawn(live(), name_);
    scope.spawn(wait_for_stop(scope), "the switch of " + name_);
    try {
      co_await scope.join();
    } catch (const Violation&) {
      finished_ = true;
    } catch (const std::exception& e) {
      if (!stop_) earth_.trace.add("{}: ended: {}", name_, e.what());
    }
    co_await clean_up();
    if (finished_) break;
    ++interruptions_;
    auto const pause = stop_ ? pause_ : kRestartPause;
    stop_ = false;
    co_await earth_.timers.sleep(pause);
    if (auto const earlier = std::exchange(earlier_, nullptr)) disk_.set_back(*earlier);
    if (disk_.without_power()) disk_.power_on(cut_, tear_);
  }
}

task<void> Machine::wait_for_stop(Scope& scope) {
  while (!stop_) co_await stopping_.wait();
  scope.cancel();
}

}  // namespace farkeep::sim
