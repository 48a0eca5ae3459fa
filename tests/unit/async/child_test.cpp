#include "async/child.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>

#include "async/timers.hpp"
#include "base/bytes.hpp"

using namespace farkeep;
using namespace std::chrono_literals;

namespace {

struct Ended {
  std::string output, errors;
  int status = -1;
};

task<std::string> all(Child& child, bool output) {
  std::string out;
  Buffer piece(1000);
  for (;;) {
    std::size_t n = 0;
    if (output) n = co_await child.read_output(piece);
    else n = co_await child.read_errors(piece);
    if (n == 0) co_return out;
    out += as_text(ByteView{piece}.first(n));
  }
}

template <class T>
T run(task<T> work) {
  asio::io_context io{1};
  std::exception_ptr error;
  std::optional<T> value;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T v) {
    error = e;
    value = std::move(v);
  });
  io.run();
  if (error) std::rethrow_exception(error);
  return std::move(*value);
}

task<Ended> to_its_end(ChildOrder order) {
  std::unique_ptr<Child> child = co_await system_children().start(std::move(order));
  Ended out;
  out.output = co_await all(*child, true);
  out.errors = co_await all(*child, false);
  out.status = co_await child->ended();
  co_return out;
}

// Starts it, waits for its first word, and drops it.
task<std::string> first_word(Children& children, std::string command) {
  ChildOrder order{std::move(command), {}};
  std::unique_ptr<Child> child = co_await children.start(std::move(order));
  Buffer piece(100);
  const std::size_t n = co_await child->read_output(piece);
  std::string word{as_text(ByteView{piece}.first(n))};
  child.reset();
  co_return word;
}

// Neither gone nor dead and waiting for whoever adopts it.
bool lives(const std::string& pid) {
  std::ifstream in("/proc/" + std::to_string(std::stoi(pid)) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return !text.empty() && text.at(text.rfind(')') + 2) != 'Z';
}

}  // namespace

TEST_CASE("child: output, errors and status come apart") {
  const Ended e = run(to_its_end({"echo out; echo err >&2; exit 7", {}}));
  CHECK(e.output == "out\n");
  CHECK(e.errors == "err\n");
  CHECK(e.status == 7);
}

TEST_CASE("child: a signal is told apart from a status above 128") {
  CHECK(how_child_ended(run(to_its_end({"kill -KILL $$", {}})).status) == "signal 9");
  for (const int status : {129, 137, 255}) CHECK(how_child_ended(run(to_its_end({"exit " + std::to_string(status), {}})).status) == "status " + std::to_string(status));
}

TEST_CASE("child: what the service manager says to this process it does not hear") {
  ::setenv("NOTIFY_SOCKET", "/run/none", 1);
  ::setenv("WATCHDOG_USEC", "1", 1);
  CHECK(run(to_its_end({"echo ${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none}", {}})).output == "none none\n");
  CHECK(run(to_its_end({"echo $NOTIFY_SOCKET", {"NOTIFY_SOCKET=its-own"}})).output == "its-own\n");
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
}

TEST_CASE("child: it has our environment, with the order's variables in the place of ours") {
  ::setenv("FARKEEP_TEST_A", "ours", 1);
  ::setenv("FARKEEP_TEST_B", "ours", 1);
  const Ended e = run(to_its_end({"echo $FARKEEP_TEST_A $FARKEEP_TEST_B; env | grep -c ^FARKEEP_TEST_", {"FARKEEP_TEST_B=a b=c"}}));
  CHECK(e.output == "ours a b=c\n2\n");
}

TEST_CASE("child: without input it reads nothing, with input just that") {
  CHECK(run(to_its_end({"cat", {}})).output.empty());
  CHECK(run(to_its_end({"cat", {}, "a\nb"})).output == "a\nb");
  CHECK(run(to_its_end({"wc -c", {}, std::string(ChildOrder::kMaxInput, 'x')})).output == "16384\n");
  CHECK_THROWS(run(to_its_end({"cat", {}, std::string(ChildOrder::kMaxInput + 1, 'x')})));
}

TEST_CASE("child: it has no descriptor of another one's pipes, or that one's output would never end") {
  auto beside = [](std::string command) -> task<Ended> {
    ChildOrder order{"cat", {}, "x"};
    const std::unique_ptr<Child> other = co_await system_children().start(std::move(order));
    ChildOrder listing{std::move(command), {}};
    Ended out = co_await to_its_end(std::move(listing));
    co_return out;
  };
  const std::string list = "ls /proc/self/fd | wc -l";
  CHECK(run(beside(list)).output == run(to_its_end({list, {}})).output);
}

TEST_CASE("child: a socket of this process stays here") {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.open(asio::ip::tcp::v4());
  const std::string number = std::to_string(socket.native_handle());
  CHECK(run(to_its_end({"test -e /proc/self/fd/" + number + "; echo $?; test -e /proc/self/fd/1; echo $?", {}})).output == "1\n0\n");
}

TEST_CASE("child: dropped, all of its group is asked to end") {
  // The shell writes the id of what it started; both are gone when the loop has ended, for it waits for the shell.
  const std::string pid = run(first_word(system_children(), "sleep 1000 & echo $!; wait"));
  for (int tries = 0; lives(pid) && tries < 1000; ++tries) ::usleep(1000);
  CHECK_FALSE(lives(pid));
}

TEST_CASE("child: dropped, one that does not want to end is killed after the grace") {
  SystemChildren impatient(50ms);
  const std::string pid = run(first_word(impatient, "trap '' TERM; echo $$; while :; do sleep 1; done"));
  for (int tries = 0; lives(pid) && tries < 1000; ++tries) ::usleep(1000);
  CHECK_FALSE(lives(pid));
}
