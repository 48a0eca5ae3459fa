#include "async/race.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>

#include "support.hpp"

namespace farkeep::test {
namespace {

task<int> value_after(Timers& timers, std::chrono::nanoseconds d, int value) {
  co_await timers.sleep(d);
  co_return value;
}
task<std::unique_ptr<int>> pointer_now(int value) { co_return std::make_unique<int>(value); }
task<void> fail_after(Timers& timers, std::chrono::nanoseconds d, Errc code) {
  co_await timers.sleep(d);
  throw failure(code, "testing");
}
// Notes when it ends by any way out, and how late.
task<void> noted_sleep(Timers& timers, std::chrono::nanoseconds d, bool& ended) {
  struct Note {
    explicit Note(bool& e) : ended(e) {}
    ~Note() { ended = true; }
    bool& ended;
  } note{ended};
  co_await timers.sleep(d);
}
task<void> void_within(Timers& timers, std::chrono::nanoseconds limit, task<void> work) {
  co_await with_timeout(timers, limit, std::move(work), "testing");
}

TEST_CASE("with_timeout: a value in time is returned") {
  World w;
  CHECK(w.run(with_timeout(w.timers, 10s, value_after(w.timers, 1s, 7), "testing")) == 7);
}

TEST_CASE("with_timeout: a value that can only be moved is returned, and without any wait") {
  World w;
  const SteadyTime start = w.timers.now();
  CHECK(*w.run(with_timeout(w.timers, 10s, pointer_now(7), "testing")) == 7);
  CHECK(w.since(start) == 0s);
}

TEST_CASE("with_timeout: time first: the work is cancelled, has ended, and the error names what was done") {
  World w;
  bool ended = false;
  const SteadyTime start = w.timers.now();
  try {
    w.run(with_timeout(w.timers, 10s, noted_sleep(w.timers, 1h, ended), "greeting the proxy"));
    FAIL("returned");
  } catch (const failure& e) {
    CHECK(e.code() == Errc::timed_out);
    CHECK(std::string{e.what()}.find("greeting the proxy") != std::string::npos);
  }
  CHECK(ended);
  CHECK(w.since(start) == 10s);
}

TEST_CASE("with_timeout: an error first is rethrown at once") {
  World w;
  const SteadyTime start = w.timers.now();
  CHECK(w.error_of(with_timeout(w.timers, 10s, fail_after(w.timers, 10ms, Errc::quota), "testing")) == Errc::quota);
  CHECK(w.since(start) == 10ms);
  CHECK(w.timers.pending() == 0);
}

TEST_CASE("with_timeout: cancelled from outside is an abort, not a timeout, and the work has ended") {
  World w;
  bool ended = false;
  CHECK(w.run_cancelled(void_within(w.timers, 1h, noted_sleep(w.timers, 2h, ended)), 1s) == aborted());
  CHECK(ended);
  CHECK(w.timers.pending() == 0);
}

task<int> stubborn(Timers& timers) {
  // Does not stop when told to: shields its wait from cancellation.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await timers.sleep(60s);
  co_return 1;
}

TEST_CASE("with_timeout: a value that comes too late from work that cannot be cancelled is not dropped") {
  World w;
  CHECK(w.run(with_timeout(w.timers, 10s, stubborn(w.timers), "testing")) == 1);
}

TEST_CASE("with_timeout: nested, the inner limit is the one that is reported") {
  World w;
  bool ended = false;
  auto inner = void_within(w.timers, 1s, noted_sleep(w.timers, 1h, ended));
  try {
    w.run(with_timeout(w.timers, 10s, std::move(inner), "outer"));
    FAIL("returned");
  } catch (const failure& e) {
    CHECK(std::string{e.what()}.find("testing") != std::string::npos);
  }
}

TEST_CASE("race: the first value wins and the loser is cancelled and gone") {
  World w;
  bool ended = false;
  const SteadyTime start = w.timers.now();
  auto r = w.run(race(value_after(w.timers, 1s, 5), noted_sleep(w.timers, 1h, ended)));
  REQUIRE(r.index() == 0);
  CHECK(std::get<0>(r) == 5);
  CHECK(ended);
  CHECK(w.since(start) == 1s);
}

TEST_CASE("race: two of the same type are told apart") {
  World w;
  auto r = w.run(race(value_after(w.timers, 2s, 1), value_after(w.timers, 1s, 2)));
  REQUIRE(r.index() == 1);
  CHECK(std::get<1>(r) == 2);
  CHECK(w.run(race(w.timers.sleep(2s), w.timers.sleep(1s))).index() == 1);
  CHECK(w.run(race(w.timers.sleep(1s), value_after(w.timers, 2s, 1))).index() == 0);
}

TEST_CASE("race: an error that comes first wins over a later value") {
  World w;
  const SteadyTime start = w.timers.now();
  CHECK(w.error_of(race(value_after(w.timers, 1s, 5), fail_after(w.timers, 10ms, Errc::disconnected))) ==
        Errc::disconnected);
  CHECK(w.since(start) == 10ms);
}

TEST_CASE("race: the loser's error is not reported") {
  World w;
  auto r = w.run(race(value_after(w.timers, 1s, 5), fail_after(w.timers, 1h, Errc::io)));
  CHECK(r.index() == 0);
}

task<void> void_race(Timers& timers) { static_cast<void>(co_await race(timers.sleep(1h), timers.sleep(2h))); }

TEST_CASE("race: cancelled from outside, both sides end") {
  World w;
  CHECK(w.run_cancelled(void_race(w.timers), 1s) == aborted());
  CHECK(w.timers.pending() == 0);
}

}  // namespace
}  // namespace farkeep::test
