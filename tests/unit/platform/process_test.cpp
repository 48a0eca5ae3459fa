#include "platform/process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <thread>

#include "base/error.hpp"
#include "platform/command.hpp"
#include "platform/service_notify.hpp"
#include "scratch.hpp"

using namespace farkeep;
using namespace farkeep::testing;

namespace {

/// Runs read_passphrase in a child on a terminal of its own; types `keys` when the prompt is there.
/// Gives all that the terminal showed; the child prints the answer in brackets, or the error's code.
struct Typed {
  std::string shown;
  bool echo_after;
  int status;
};
Typed type(std::string_view keys) {
  int terminal = -1;
  pid_t const child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    std::string said;
    ::signal(SIGINT, SIG_DFL);  // not the test framework's, which would write a report
    try {
      said = "[" + to_string(read_passphrase("prompt: ")) + "]";
    } catch (const failure& f) {
      said = "<" + std::to_string(static_cast<int>(classify(f.code()))) + ">";
    }
    auto const n = ::write(STDOUT_FILENO, said.data(), said.size());
    ::_exit(n < 0 ? 1 : 0);
  }
  // A second hold on the terminal, so that its settings can be asked for when the child is gone.
  int const other_side = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY);
  Typed out{};
  bool typed = false;
  char buffer[4096];
  while (out.shown.find_first_of("]>") == std::string::npos) {
    auto const n = ::read(terminal, buffer, sizeof buffer);
    if (n <= 0) break;
    out.shown.append(buffer, static_cast<std::size_t>(n));
    if (!typed && out.shown.find("prompt: ") != std::string::npos) {
      typed = true;
      if (::write(terminal, keys.data(), keys.size()) < 0) break;
      if (keys == "\x03") break;  // the child dies of it and says nothing more
    }
  }
  ::waitpid(child, &out.status, 0);
  termios now{};
  out.echo_after = ::tcgetattr(other_side, &now) == 0 && (now.c_lflag & ECHO) != 0;
  ::close(other_side);
  ::close(terminal);
  return out;
}

/// A service manager's end, at a path or (with @) an abstract name.
class Manager {
 public:
  explicit Manager(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&at),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
  }
  std::string next() {
    char buffer[512];
    auto const n = ::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? "nothing" : std::string{buffer, static_cast<std::size_t>(n)};
  }

 private:
  int socket_;
};

}  // namespace

TEST_CASE("process: hardened, it dumps nothing and its files are private") {
  Scratch s;
  std::string const said = in_child([&]() -> std::string {
    harden_process();
    rlimit core{};
    CHILD_CHECK(::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
    CHILD_CHECK(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    put(s.at("f"), "");
    struct stat st;
    CHILD_CHECK(::stat(s.at("f").c_str(), &st) == 0 && (st.st_mode & 0777) == 0600);
    return "";
  });
  CHECK(said == "");
}

TEST_CASE("process: hardened, no file takes the number of a standard stream that was closed, and a reader that goes away ends nothing") {
  Scratch s;
  std::string const said = in_child([&]() -> std::string {
    for (int stream : {STDIN_FILENO, STDERR_FILENO}) ::close(stream);
    harden_process();
    int const file = ::open(s.at("f").c_str(), O_CREAT | O_RDWR, 0600);
    CHILD_CHECK(file > STDERR_FILENO);
    CHILD_CHECK(::write(STDERR_FILENO, "x", 1) == 1);
    struct stat st;
    CHILD_CHECK(::fstat(file, &st) == 0 && st.st_size == 0);
    int ends[2];
    CHILD_CHECK(::pipe(ends) == 0);
    ::close(ends[0]);
    CHILD_CHECK(::write(ends[1], "x", 1) == -1 && errno == EPIPE);
    return "";
  });
  CHECK(said == "");
}

TEST_CASE("process: the limit of open files goes up to what is allowed") {
  std::string const said = in_child([]() -> std::string {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    raise_descriptor_limit();
    ::getrlimit(RLIMIT_NOFILE, &limit);
    CHILD_CHECK(limit.rlim_cur == limit.rlim_max);
    return "";
  });
  CHECK(said == "");
}

TEST_CASE("process: names and memory") {
  CHECK_FALSE(host_name().empty());
  CHECK(process_id() == static_cast<std::uint32_t>(::getpid()));
  CHECK(is_root() == (::geteuid() == 0));
  if (is_root()) {
    CHECK_FALSE(sees_no_trusted_attributes());
    CHECK(sees_trusted_attributes());
    CHECK(in_child([] {  // as the service
            __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
            __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
            sets[CAP_TO_INDEX(CAP_DAC_READ_SEARCH)].effective = sets[CAP_TO_INDEX(CAP_DAC_READ_SEARCH)].permitted = CAP_TO_MASK(CAP_DAC_READ_SEARCH);
            if (::syscall(SYS_capset, &header, sets) != 0) return std::string{"capset"};
            return std::string{sees_no_trusted_attributes() && !sees_trusted_attributes() ? "" : "the service sees them"};
          }).empty());
  }
  CHECK(in_unprivileged_child([] { return std::string{sees_no_trusted_attributes() || sees_trusted_attributes() ? "nobody" : ""}; }).empty());
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which lock nothing, and say that they did
TEST_CASE("process: locked memory is locked, and a refusal is told") {
  CHECK(lock_memory({}));
  Buffer const secret(100);
  std::string const refused = in_unprivileged_child([&]() -> std::string {
    rlimit const none{};
    CHILD_CHECK(::setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    CHILD_CHECK(!lock_memory(secret));
    return "";
  });
  CHECK(refused == "");
  if (!is_root()) return;  // an ordinary user's limit may be nothing
  std::string const locked = in_child([&]() -> std::string {
    CHILD_CHECK(lock_memory(secret));
    CHILD_CHECK(get("/proc/self/status").find("VmLck:\t       0 kB") == std::string::npos);
    return "";
  });
  CHECK(locked == "");
}
#endif

TEST_CASE("passphrase: read without echo, and the terminal is as before") {
  Typed const t = type("s3cret words\n");
  CHECK(t.shown == "prompt: \r\n[s3cret words]");
  CHECK(t.echo_after);
  CHECK(type("\n").shown == "prompt: \r\n[]");
}

TEST_CASE("passphrase: end of file is cancelled, too long is refused") {
  auto const code = [](Errc e) { return "<" + std::to_string(static_cast<int>(e)) + ">"; };
  CHECK_THAT(type("\x04").shown, Catch::EndsWith(code(Errc::cancelled)));
  CHECK_THAT(type(std::string(1500, 'x') + "\n").shown, Catch::EndsWith(code(Errc::too_large)));
}

TEST_CASE("passphrase: interrupted, the process dies of the signal on a terminal that echoes again") {
  Typed const t = type("\x03");
  CHECK(WIFSIGNALED(t.status));
  CHECK(WTERMSIG(t.status) == SIGINT);
  CHECK(t.echo_after);
}

TEST_CASE("passphrase: without a terminal it is a wrong use") {
  std::string const said = in_child([]() -> std::string {
    ::setsid();
    try {
      read_passphrase("prompt: ");
    } catch (const failure& f) {
      return classify(f.code()) == Errc::usage ? "" : f.what();
    }
    return "asked";
  });
  CHECK(said == "");
}

TEST_CASE("service: messages reach the manager, at a path and at an abstract name") {
  Scratch s;
  for (std::string const& name : {s.at("notify"), "@farkeep-test-" + std::to_string(::getpid())}) {
    Manager manager{name};
    service_ready();
    CHECK(manager.next() == "READY=1");
    service_status("two\nlines");
    CHECK(manager.next() == "STATUS=two lines");
    service_watchdog();
    CHECK(manager.next() == "WATCHDOG=1");
    service_reloading();
    CHECK_THAT(manager.next(), Catch::StartsWith("RELOADING=1\nMONOTONIC_USEC="));
    service_stopping();
    CHECK(manager.next() == "STOPPING=1");
    CHECK(manager.next() == "nothing");
  }
}

TEST_CASE("service: without a manager, or with a wrong name for one, nothing happens") {
  ::unsetenv("NOTIFY_SOCKET");
  CHECK_NOTHROW(service_ready());
  for (std::string const& name : {std::string{}, std::string{"/"}, std::string{"relative"},
                                  std::string{"/no/such/socket"}, "/" + std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    CHECK_NOTHROW(service_ready());
  }
  ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("service: the watchdog's interval is for the process it was meant for") {
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
  CHECK_FALSE(service_watchdog_interval());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  CHECK(service_watchdog_interval() == std::chrono::seconds{30});
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK_FALSE(service_watchdog_interval());
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(service_watchdog_interval() == std::chrono::seconds{30});
  for (const char* bad : {"", "0", "-5", "12x"}) {
    ::setenv("WATCHDOG_USEC", bad, 1);
    CHECK_FALSE(service_watchdog_interval());
  }
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

TEST_CASE("priority: what stands back is this thread and those it starts, and their commands") {
  std::thread([] {
    CHECK(set_niceness(7));
    CHECK(::getpriority(PRIO_PROCESS, 0) == 7);
    std::thread([] { CHECK(::getpriority(PRIO_PROCESS, 0) == 7); }).join();
    CHECK(set_io_priority(IoPriority::idle));
    CHECK(set_io_priority(IoPriority::low));
    CHECK(as_text(command_output("nice; ionice 2>/dev/null || echo best-effort: prio 7", {100, std::chrono::minutes{1}})) == "7\nbest-effort: prio 7\n");
  }).join();
  CHECK(::getpriority(PRIO_PROCESS, 0) != 7);
}
