#include "platform/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "platform/io_posix.hpp"
#include "platform/file_access.hpp"

namespace farkeep {
namespace {

struct Pipe {
  Descriptor read, write;
};

Pipe make_pipe(const std::string& doing) {
  int ends[2];
  if (::pipe(ends) != 0) throw_errno(errno, doing);
  Pipe out{Descriptor{ends[0]}, Descriptor{ends[1]}};
  for (int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return out;
}

// Holds what the child will read; its writing end is closed already.
Pipe filled_pipe(const std::string& input, const std::string& doing) {
  if (input.empty()) return {};
  if (input.size() > ChildOrder::kMaxInput) throw failure(Errc::too_large, doing);
  Pipe out = make_pipe(doing);
  ::fcntl(out.read.get(), F_SETFL, 0);
  ::fcntl(out.write.get(), F_SETFL, O_NONBLOCK);  // nobody reads yet: rather fail than hang
  posix::write_all(out.write.get(), as_bytes(input), doing);
  out.write.close();
  return out;
}

// What the shell starts with: its descriptors 0 to 2, a session of its own, and signals as any program expects them.
class Attributes {
 public:
  /// `input`: -1 is nothing to read.
  Attributes(int input, int output, int errors) {
    posix_spawn_file_actions_init(&actions_);
    if (input < 0) posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    else posix_spawn_file_actions_adddup2(&actions_, input, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, 1);
    posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    // Libraries open theirs without O_CLOEXEC: Asio its sockets.  (Elsewhere: POSIX_SPAWN_CLOEXEC_DEFAULT of macOS.)
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    for (int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&usual, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &usual);
  }
  ~Attributes() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::string_view name_of(std::string_view assignment) { return assignment.substr(0, assignment.find('=')); }

// What the service manager said to this process alone: a command that took it for its own would speak for the service.
bool is_for_us_alone(std::string_view name) {
  for (std::string_view one : {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
    if (name == one) return true;
  return false;
}

// Ours, with the order's in the place of those of the same name.
std::vector<char*> environment_of(const ChildOrder& order) {
  std::vector<char*> out;
  for (char** at = environ; *at; ++at) {
    bool replaced = is_for_us_alone(name_of(*at));
    for (auto& e : order.environment) replaced = replaced || name_of(e) == name_of(*at);
    if (!replaced) out.push_back(*at);
  }
  for (auto& e : order.environment) out.push_back(const_cast<char*>(e.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

StartedChild start_child(const ChildOrder& order) {
  const std::string doing = "starting the command '" + order.command + "'";
  if (const std::string who = who_may_change(program_of(order.command)); !who.empty()) throw failure::whole(Errc::configuration, doing + ": " + who);
  Pipe output = make_pipe(doing), errors = make_pipe(doing);
  const Pipe input = filled_pipe(order.input, doing);
  const Attributes how(input.read.get(), output.write.get(), errors.write.get());
  std::string shell = "sh", option = "-c", command = order.command;
  char* const arguments[] = {shell.data(), option.data(), command.data(), nullptr};
  std::vector<char*> environment = environment_of(order);
  pid_t id = 0;
  const int error = ::posix_spawn(&id, "/bin/sh", how.actions(), how.attributes(), arguments, environment.data());
  if (error != 0) throw_errno(error, doing);
  return {id, std::move(output.read), std::move(errors.read)};
}

namespace {
constexpr int kBySignal = 256;
}

int wait_for_child(int id) {
  int status = 0;
  while (::waitpid(id, &status, 0) < 0) {
    if (errno != EINTR) return 127;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status);
}

std::string how_child_ended(int status) {
  if (status > kBySignal) return "signal " + std::to_string(status - kBySignal);
  return "status " + std::to_string(status) + (status == 127 ? ", which is the shell's for a command that it does not find" : "");
}

void signal_child(int id, ChildSignal signal) { ::kill(-id, signal == ChildSignal::ask ? SIGTERM : SIGKILL); }

}  // namespace farkeep
