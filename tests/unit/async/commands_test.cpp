// Commands that run to their end, and those that do not.
#include "async/commands.hpp"

#include <catch2/catch.hpp>

#include "sim/sim_timers.hpp"

using namespace farkeep;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

// A command that never ends by itself, and says whether it was asked to.
class Hanging final : public Child {
 public:
  Hanging(Timers& timers, bool& gone) : timers_(timers), gone_(gone) {}
  ~Hanging() override { gone_ = true; }
  task<std::size_t> read_output(MutableByteView) override { return hang(); }
  task<std::size_t> read_errors(MutableByteView) override { return hang(); }
  task<int> ended() override {
    co_await timers_.sleep(1000h);
    co_return 0;
  }

 private:
  task<std::size_t> hang() {
    co_await timers_.sleep(1000h);
    co_return 0;
  }
  Timers& timers_;
  bool& gone_;
};

struct HangingChildren final : Children {
  explicit HangingChildren(Timers& t) : timers(t) {}
  task<std::unique_ptr<Child>> start(ChildOrder) override { co_return std::make_unique<Hanging>(timers, gone); }
  Timers& timers;
  bool gone = false;
};

}  // namespace

TEST_CASE("commands: one that takes longer than its limit is ended, and the message names the key that sets it") {
  asio::io_context io;
  sim::SimTimers timers;
  HangingChildren children(timers);
  const SteadyTime began = timers.now();
  CHECK_THROWS_WITH(sim::run(io, timers, run_command(children, timers, {"hang", {}}, 90s, "hook_timeout", 0, [](std::string_view) {})), Contains("'hang' took longer than 90 s") && Contains("hook_timeout"));
  CHECK(timers.now() - began == 90s);
  CHECK(children.gone);
  CHECK_THROWS_WITH(sim::run(io, timers, run_command(children, timers, {"hang", {}}, 60s, "", 0, [](std::string_view) {})), Catch::EndsWith("took longer than 60 s and was ended"));
}

TEST_CASE("lines: control characters, long lines and a missing end do not reach the log as they are") {
  std::vector<std::string> seen;
  Lines lines([&](std::string_view line) { seen.emplace_back(line); });
  lines.add("one\r\ntw");
  lines.add("o\x1b[2J\n\n");
  lines.add(std::string(2000, 'x'));
  lines.end();
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] == "one");
  CHECK(seen[1] == "two [2J");
  CHECK(seen[2] == std::string(500, 'x'));
  CHECK(lines.last() == std::string(200, 'x'));
}

TEST_CASE("lines: of a flood the first are taken, and at the end how many more there were and the last one") {
  std::vector<std::string> seen;
  Lines lines([&](std::string_view line) { seen.emplace_back(line); });
  for (int i = 0; i < 1'000'000; ++i) lines.add("y\n");
  lines.add("no room");
  lines.end();
  REQUIRE(seen.size() == Lines::kMost + 1);
  CHECK(seen.back() == "(999801 more lines, the last one: no room)");
  CHECK(lines.last() == "no room");
}

TEST_CASE("lines: bytes that are no UTF-8 are written out, and a long line is cut between two characters") {
  std::vector<std::string> seen;
  Lines lines([&](std::string_view line) { seen.emplace_back(line); });
  lines.add("Zugriff f\xfcr niemand\n");
  std::string odd = "x";
  while (odd.size() < 1000) odd += "ä";
  lines.add(odd.substr(0, 100));  // a character comes in two pieces
  lines.add(odd.substr(100) + "\n");
  REQUIRE(seen.size() == 2);
  CHECK(seen[0] == "Zugriff f\\xfcr niemand");
  CHECK(seen[1] == odd.substr(0, 499));
  CHECK(lines.last() == odd.substr(0, 199));
  lines.add("cut within a character: \xe2\x82");
  lines.end();
  CHECK(lines.last() == "cut within a character: \\xe2\\x82");
}
