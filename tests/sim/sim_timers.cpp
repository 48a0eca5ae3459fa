#include "sim/sim_timers.hpp"

#include <map>
#include <stdexcept>

#include "async/waiters.hpp"

namespace farkeep::sim {
namespace {
constexpr std::int64_t kBegin = 1'700'000'000;  // virtual time begins in November 2023
}

struct SimTimers::State {
  using Key = std::pair<SteadyTime, std::uint64_t>;
  SteadyTime now{std::chrono::seconds{kBegin}};
  std::uint64_t next = 0;
  std::map<Key, std::function<void()>> events;

  Key add(SteadyTime when, std::function<void()> event) {
    const Key key{std::max(when, now), next++};
    events.emplace(key, std::move(event));
    return key;
  }
};

SimTimers::SimTimers() : state_(std::make_shared<State>()) {}
SimTimers::~SimTimers() = default;
SteadyTime SimTimers::now() const { return state_->now; }
std::size_t SimTimers::pending() const noexcept { return state_->events.size(); }
void SimTimers::at(SteadyTime when, std::function<void()> event) { state_->add(when, std::move(event)); }

task<void> SimTimers::sleep(std::chrono::nanoseconds duration) {
  struct Event {
    Event(std::shared_ptr<State> s, SteadyTime when) : state(std::move(s)) {
      key = state->add(when, [this] { over.wake_all(); });
    }
    ~Event() { state->events.erase(key); }
    std::shared_ptr<State> state;
    Waiters over;
    State::Key key;
  };
  Event event{state_, state_->now + duration};
  co_await event.over.wait();
}

bool SimTimers::advance() {
  State& s = *state_;
  if (s.events.empty()) return false;
  s.now = s.events.begin()->first.first;
  while (!s.events.empty() && s.events.begin()->first.first <= s.now) {
    auto first = s.events.extract(s.events.begin());
    first.mapped()();
  }
  return true;
}

WallTime SimClock::wall() const {
  return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(timers_.now().time_since_epoch()) + skew_};
}

void run_until(asio::io_context& io, SimTimers& timers, const std::function<bool()>& done) {
  for (;;) {
    io.restart();
    while (!done() && io.poll_one() != 0) {
    }
    if (done()) return;
    if (!timers.advance()) throw std::logic_error("the simulation stands still: nothing is ready and no timer is set");
  }
}

}  // namespace farkeep::sim
