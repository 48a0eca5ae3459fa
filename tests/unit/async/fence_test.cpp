#include "async/fence.hpp"

#include <catch2/catch.hpp>

#include "async/race.hpp"
#include "base/error.hpp"
#include "sim/sim_timers.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {

template <class Thrown>
task<void> throws(Thrown thrown) {
  throw thrown;
  co_return;
}
task<void> nothing() { co_return; }

}  // namespace

TEST_CASE("fence: what is thrown is told, and goes no further") {
  asio::io_context io;
  sim::SimTimers timers;
  auto const told = [&](task<void> work) { return sim::run(io, timers, problem_of(std::move(work))); };
  CHECK(told(nothing()).empty());
  CHECK(told(throws(failure(Errc::no_space, "writing"))).find("writing") != std::string::npos);
  CHECK(told(throws(std::runtime_error("no failure of ours"))) == "no failure of ours");
  CHECK_FALSE(told(throws(std::runtime_error(""))).empty());
  CHECK_FALSE(told(throws(std::bad_alloc())).empty());
}

TEST_CASE("fence: cancellation goes on") {
  asio::io_context io;
  sim::SimTimers timers;
  CHECK_THROWS_AS(sim::run(io, timers, problem_of(throws(failure(Errc::cancelled, "stopping")))), boost::system::system_error);
  bool told = false;
  auto const loop = [&]() -> task<void> {
    std::string const problem = co_await problem_of(timers.sleep(1h));
    told = true;
  };
  auto const both = [&]() -> task<void> { co_await race(loop(), timers.sleep(1s)); };
  sim::run(io, timers, both());
  CHECK_FALSE(told);
}
