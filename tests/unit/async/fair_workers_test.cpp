#include "async/fair_workers.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "async/scope.hpp"
#include "support.hpp"

namespace farkeep::test {
namespace {

/// One thread that takes a second for each piece of work.
class SlowWorkers final : public Workers {
 public:
  explicit SlowWorkers(sim::SimTimers& timers) : timers_(timers) {}
  std::size_t threads() const noexcept override { return 1; }
  std::size_t most = 0;

 protected:
  task<void> run(Job& job) override {
    most = std::max(most, ++now_);
    co_await timers_.sleep(1s);
    --now_;
    job.work();
  }

 private:
  sim::SimTimers& timers_;
  std::size_t now_ = 0;
};

int same(int n) { return n; }

struct Parties {
  World world;
  SlowWorkers slow{world.timers};
  FairWorkers fair{slow};
  std::string order;

  task<void> one(Workers& workers, char name) {
    static_cast<void>(co_await workers.offload(&same, 1));
    order += name;
  }
  task<void> many(Workers& workers, char name, int count) {
    Scope scope{co_await asio::this_coro::executor};
    for (int i = 0; i < count; ++i) scope.spawn(one(workers, name), "work");
    co_await scope.join();
  }
};

TEST_CASE("fair workers: a party with one piece of work does not wait for another's hundred") {
  Parties p;
  auto const greedy = p.fair.lane(), modest = p.fair.lane();
  auto all = [&]() -> task<void> {
    Scope scope{p.world.executor()};
    scope.spawn(p.many(*greedy, 'g', 100), "greedy");
    scope.spawn(p.many(*modest, 'm', 3), "modest");
    co_await scope.join();
  };
  p.world.run(all());
  CHECK(p.order.size() == 103);
  CHECK(p.order.rfind('m') < 12);
  CHECK(p.slow.most <= 2);
}

TEST_CASE("fair workers: work that failed, or whose caller was cancelled, gives its turn back") {
  Parties p;
  auto const lane = p.fair.lane();
  auto fails = [](int) -> int { throw failure(Errc::io, "testing"); };
  auto failing = [&]() -> task<void> { static_cast<void>(co_await lane->offload(+fails, 1)); };
  CHECK(p.world.error_of(failing()) == make_error_code(Errc::io));
  p.world.run_cancelled(p.many(*lane, 'c', 5), 1500ms);
  p.world.run(p.many(*lane, 'a', 4));
  CHECK(std::count(p.order.begin(), p.order.end(), 'a') == 4);
}

}  // namespace
}  // namespace farkeep::test
