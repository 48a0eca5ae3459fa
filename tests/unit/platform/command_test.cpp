#include "platform/command.hpp"

#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "scratch.hpp"

using namespace farkeep;
using namespace farkeep::testing;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

constexpr CommandLimits kAmple{1000, 1min};

struct Failed {
  Errc code{};
  std::string text;
};
Failed failed(const std::string& command, const CommandLimits& limits) {
  try {
    (void)command_output(command, limits);
  } catch (const failure& f) {
    return {classify(f.code()), f.what()};
  }
  return {};
}

// As somebody else's child it may stay on as a zombie.
bool lives(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_ends = text.rfind(')');
  return name_ends != std::string::npos && text.substr(name_ends + 2, 1) != "Z";
}

}  // namespace

TEST_CASE("command: its output comes byte for byte, and an empty one is empty") {
  CHECK(as_text(command_output("printf 'a\\0b\\n'", kAmple)) == std::string_view("a\0b\n", 4));
  CHECK(command_output("true", kAmple).empty());
}

TEST_CASE("command: output as long as permitted is whole, one byte more is refused") {
  CHECK(command_output("head -c 300000 /dev/zero", {300'000, 1min}).size() == 300'000);
  const Failed f = failed("head -c 300001 /dev/zero", {300'000, 1min});
  CHECK(f.code == Errc::too_large);
  CHECK_THAT(f.text, Contains("'head -c 300001 /dev/zero'") && Contains("more than 300000 bytes"));
}

TEST_CASE("command: one that prints without an end is ended") {
  CHECK(failed("yes", {10, 1min}).code == Errc::too_large);
}

TEST_CASE("command: a failed one is named, with its status and the last line of its standard error") {
  const Failed f = failed("echo out; echo first >&2; printf 'no such\\tentry\\n' >&2; exit 3", kAmple);
  CHECK(f.code == Errc::configuration);
  CHECK_THAT(f.text, Contains("exit 3'") && Contains("status 3 (no such entry)") && !Contains("(first"));
  CHECK_THAT(failed("kill -9 $$", kAmple).text, Contains("signal 9"));
}

TEST_CASE("command: much on its standard error neither stops it nor fills a message") {
  CHECK(as_text(command_output("head -c 300000 /dev/zero | tr '\\0' x >&2; echo done", kAmple)) == "done\n");
  CHECK(failed("head -c 300000 /dev/zero | tr '\\0' x >&2; false", kAmple).text.size() < 500);
}

TEST_CASE("command: it has nothing to read") {
  CHECK(as_text(command_output("cat; echo end", kAmple)) == "end\n");
}

TEST_CASE("command: one beyond its time is ended, and named with the limit") {
  const Failed f = failed("sleep 1000", {1000, 50ms});
  CHECK(f.code == Errc::command);
  CHECK_THAT(f.text, Contains("'sleep 1000'") && Contains("longer than 50 ms"));
}

TEST_CASE("command: one that closed its streams and stays has the same time") {
  CHECK(failed("exec >&- 2>&-; exec sleep 1000", {1000, 50ms}).code == Errc::command);
}

// In what follows too much output, not time, is why it must end: so it is ready for that, however slow the machine is.

TEST_CASE("command: one that does not want to end is killed after the grace") {
  const Failed f = failed("trap '' TERM; echo $$ >&2; echo xx; while :; do sleep 1000; done", {1, 1min, 50ms});
  REQUIRE(f.code == Errc::too_large);
  const std::size_t from = f.text.rfind('(') + 1;
  CHECK_FALSE(lives(f.text.substr(from, f.text.find(')', from) - from)));
}

TEST_CASE("command: asked to end, it may tidy up and say so") {
  const Failed f = failed("trap 'echo tidied up >&2; exit 1' TERM; sleep 1000 >/dev/null 2>&1 & echo xx; wait", {1, 1min, 1min});
  CHECK_THAT(f.text, Contains("(tidied up)"));
}

TEST_CASE("command: what holds its output beyond the grace is killed with it") {
  Scratch place;
  const Failed f = failed("cd '" + place.path() + "'; (trap '' TERM; until [ -s id ]; do :; done; echo xx; exec sleep 1000) & echo $! >id; wait", {1, 1min, 50ms});
  REQUIRE(f.code == Errc::too_large);
  std::string id = get(place.at("id"));
  id.pop_back();
  for (int tries = 0; lives(id) && tries < 1000; ++tries) ::usleep(1000);  // it is not our child: nobody can be waited for
  CHECK_FALSE(lives(id));
}

TEST_CASE("command: what it left running with its streams is not waited for") {
  const std::string id{as_text(command_output("sleep 1000 & echo $!", kAmple))};
  CHECK(::kill(static_cast<pid_t>(std::stol(id)), SIGKILL) == 0);
}

TEST_CASE("command: it has no terminal to ask at, even where we have one, and fails instead of waiting") {
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    const bool ours = ::access("/dev/tty", R_OK) == 0 && ::isatty(0) == 1;
    const Failed f = failed("cat /dev/tty", {1000, 10s});
    ::_exit(!ours ? 1 : f.code != Errc::configuration ? 2 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ::close(terminal);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(WIFEXITED(status));
}
