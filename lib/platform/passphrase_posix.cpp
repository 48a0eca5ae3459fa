#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "platform/descriptor.hpp"
#include "platform/io_posix.hpp"
#include "platform/process.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostBytes = 1024;  // longer than anybody types, shorter than the line the terminal keeps
// Not SIGTTOU and SIGTTIN: a process in the background shall stop before it touches the terminal, as it does by itself.
constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

volatile sig_atomic_t caught = 0;
void remember_signal(int number) { caught = number; }

/// While this lives, the signals that end or stop a process wait until wait_for_input() lets them in.
class HeldSignals {
 public:
  HeldSignals() {
    caught = 0;
    sigset_t held;
    ::sigemptyset(&held);
    for (int const s : kSignals) ::sigaddset(&held, s);
    ::pthread_sigmask(SIG_BLOCK, &held, &mask_before_);
    struct sigaction remember {};
    remember.sa_handler = remember_signal;
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &remember, &before_[i]);
  }
  ~HeldSignals() {
    // A signal that is still waiting now takes the way it would have taken without us.
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  HeldSignals(const HeldSignals&) = delete;

  /// False when a signal came first.  ppoll unblocks the signals and waits in one step: one that came between a look at
  /// `caught` and a plain read would be slept over.
  bool wait_for_input(int terminal) const {
    pollfd input{terminal, POLLIN, 0};
    while (caught == 0) {
      if (::ppoll(&input, 1, nullptr, &mask_before_) > 0) return true;
      if (errno != EINTR) throw_errno(errno, "reading a passphrase");
    }
    return false;
  }

 private:
  std::array<struct sigaction, kSignals.size()> before_{};
  sigset_t mask_before_{};
};

class SilentTerminal {
 public:
  explicit SilentTerminal(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal, &before_) != 0) throw_errno(errno, "asking for a passphrase");
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL);
    silent.c_lflag |= ICANON | ISIG;
    if (::tcsetattr(terminal, TCSAFLUSH, &silent) != 0) throw_errno(errno, "asking for a passphrase");
  }
  ~SilentTerminal() { ::tcsetattr(terminal_, TCSAFLUSH, &before_); }
  SilentTerminal(const SilentTerminal&) = delete;

 private:
  int terminal_;
  termios before_{};
};

void show(int terminal, std::string_view text) {
  // A terminal that cannot be written to shows no prompt; the answer can still be read.
  [[maybe_unused]] auto const n = ::write(terminal, text.data(), text.size());
}

enum class Answer { line, end, too_long, interrupted };

Answer read_line(const HeldSignals& signals, int terminal, Buffer& into) {
  for (;;) {
    if (!signals.wait_for_input(terminal)) return Answer::interrupted;
    std::uint8_t byte = 0;
    auto const n = ::read(terminal, &byte, 1);
    if (n < 0) throw_errno(errno, "reading a passphrase");
    if (n == 0) return into.empty() ? Answer::end : Answer::line;
    if (byte == '\n') return Answer::line;
    if (into.size() == kMostBytes) return Answer::too_long;
    into.push_back(byte);
  }
}

Answer ask_once(int terminal, const std::string& prompt, Buffer& into) {
  HeldSignals const signals;
  SilentTerminal const silent{terminal};
  show(terminal, prompt);
  Answer const answer = read_line(signals, terminal, into);
  show(terminal, "\n");
  return answer;
}

void wipe(Buffer& secret) {
  ::explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

}  // namespace

// Ask; when a signal came instead of an answer, let it do its work on a restored terminal, and ask again if it lets us.
Buffer read_passphrase(const std::string& prompt) {
  Descriptor terminal{posix::again_if_interrupted([] { return ::open("/dev/tty", O_RDWR | O_CLOEXEC); })};
  if (!terminal) throw failure(Errc::usage, "asking for a passphrase: there is no terminal");
  Buffer out;
  out.reserve(kMostBytes);
  for (;;) {
    switch (ask_once(terminal.get(), prompt, out)) {
      case Answer::line:
        return out;
      case Answer::end:
        throw failure(Errc::cancelled, "asking for a passphrase");
      case Answer::too_long:
        wipe(out);
        throw failure(Errc::too_large, "reading a passphrase");
      case Answer::interrupted:
        wipe(out);
        ::raise(caught);
        break;
    }
  }
}

}  // namespace farkeep
