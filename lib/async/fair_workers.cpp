#include "async/fair_workers.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>

namespace farkeep {

namespace {
constexpr std::size_t kAhead = 1;  // pieces of work at hand when a thread is done with one; each more is one that others wait for
}

using Turn = std::function<void()>;  // resumes the one who waits, in a later turn of the loop

struct FairWorkers::State {
  /// A party's queue; in `ready` exactly while it is not empty.
  struct Queue {
    std::deque<Turn> waiting;
  };

  explicit State(Workers& u) : under(u) {}

  void hand_on() {
    while (running < under.threads() + kAhead && !ready.empty()) {
      auto const queue = ready.front();
      ready.pop_front();
      auto const turn = std::move(queue->waiting.front());
      queue->waiting.pop_front();
      if (!queue->waiting.empty()) ready.push_back(queue);
      ++running;
      turn();
    }
  }
  void wait(const std::shared_ptr<Queue>& queue, Turn turn) {
    queue->waiting.push_back(std::move(turn));
    if (queue->waiting.size() == 1) ready.push_back(queue);
    hand_on();
  }

  Workers& under;
  std::deque<std::shared_ptr<Queue>> ready;
  std::size_t running = 0;
};

class FairWorkers::Lane final : public Workers {
 public:
  explicit Lane(std::shared_ptr<State> state) : state_(std::move(state)) {}
  static void do_it(Job* job) { job->work(); }
  std::size_t threads() const noexcept override { return state_->under.threads(); }

  task<void> run(Job& job) override {
    struct Running {
      explicit Running(State& s) : state(s) {}
      ~Running() {
        --state.running;
        state.hand_on();
      }
      State& state;
    };
    auto const state = state_;
    auto const queue = queue_;
    auto start = [](auto handler, State* s, std::shared_ptr<State::Queue> q) {
      auto const kept = std::make_shared<decltype(handler)>(std::move(handler));
      s->wait(q, [kept] {
        auto const executor = asio::get_associated_executor(*kept);
        asio::post(executor, std::move(*kept));
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(start, asio::use_awaitable, state.get(), queue);
    Running const running{*state};
    co_await state->under.offload(&do_it, &job);
  }

 private:
  const std::shared_ptr<State> state_;
  const std::shared_ptr<State::Queue> queue_ = std::make_shared<State::Queue>();
};

FairWorkers::FairWorkers(Workers& under) : state_(std::make_shared<State>(under)), own_(std::make_unique<Lane>(state_)) {}
FairWorkers::~FairWorkers() = default;
std::size_t FairWorkers::threads() const noexcept { return state_->under.threads(); }
std::unique_ptr<Workers> FairWorkers::lane() { return std::make_unique<Lane>(state_); }
task<void> FairWorkers::run(Job& job) { return own_->run(job); }

namespace {

class SameWorkers final : public Workers {
 public:
  explicit SameWorkers(Workers& under) : under_(under) {}
  std::size_t threads() const noexcept override { return under_.threads(); }

 protected:
  static void do_it(Job* job) { job->work(); }
  task<void> run(Job& job) override { return under_.offload(&do_it, &job); }

 private:
  Workers& under_;
};

}  // namespace

std::unique_ptr<Workers> lane_of(Workers& workers) {
  if (auto* fair = dynamic_cast<FairWorkers*>(&workers)) return fair->lane();
  return std::make_unique<SameWorkers>(workers);
}

}  // namespace farkeep
