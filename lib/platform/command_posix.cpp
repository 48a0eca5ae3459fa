#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/valid_text.hpp"
#include "platform/child.hpp"
#include "platform/command.hpp"
#include "platform/io_posix.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kKeptErrors = 4096;
constexpr std::size_t kPiece = 64 * 1024;  // what a pipe holds, so one read takes all that an ended command left in it

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now) : at_(SystemClock{}.steady() + from_now) {}
  bool over() const { return SystemClock{}.steady() >= at_; }
  /// For poll(): rounded up, so that it does not spin.
  int left() const {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(at_ - SystemClock{}.steady()).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, INT_MAX));
  }

 private:
  SteadyTime at_;
};

// Leaves no child behind that nobody waits for.
class Shell {
 public:
  explicit Shell(const std::string& command) : child_(start_child({.command = command, .environment = {}})) {}
  ~Shell() {
    if (waited_for_) return;
    signal_child(child_.id, ChildSignal::kill);
    (void)wait_for_child(child_.id);
  }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  StartedChild* operator->() { return &child_; }
  const StartedChild* operator->() const { return &child_; }
  int wait() {
    waited_for_ = true;
    return wait_for_child(child_.id);
  }

 private:
  StartedChild child_;
  bool waited_for_ = false;
};

// A command that runs, and what it has printed so far.
class Running {
 public:
  Running(const std::string& command, std::size_t most)
      : most_(most), shell_(command), end_(end_of_child(shell_->id)), output_(most + 1) {}

  bool ended() const { return ended_; }
  bool silent() const { return !shell_->output; }  // nobody can print any more
  bool too_much() const { return printed_ > most_; }

  // Waits until something happens, and takes what was printed.
  void step(const Deadline& until) {
    std::array<pollfd, 3> wanted{{{shell_->output.get(), POLLIN, 0}, {shell_->errors.get(), POLLIN, 0}, {ended_ ? -1 : end_.get(), POLLIN, 0}}};
    if (::poll(wanted.data(), wanted.size(), until.left()) <= 0) return;  // interrupted, or the time is over: the caller looks
    // First this: what an ended command has printed is then all in the pipes.
    if (wanted[2].revents != 0) ended_ = true;
    if (wanted[0].revents != 0 || ended_) take_output();
    if (wanted[1].revents != 0 || ended_) take_errors();
  }

  // For good, by the grace at the latest.
  void stop(std::chrono::milliseconds grace) {
    signal_child(shell_->id, ChildSignal::ask);
    const Deadline patience{grace};
    while (!(ended_ && silent()) && !patience.over()) step(patience);
    if (!(ended_ && silent())) signal_child(shell_->id, ChildSignal::kill);
  }

  // Only when it has ended or was stopped.
  int status() { return shell_.wait(); }

  Buffer output() && {
    output_.resize(std::min(printed_, most_));
    return std::move(output_);
  }
  const std::string& errors() const { return errors_; }

 private:
  void take_output() {
    if (!shell_->output) return;
    // What comes beyond the limit is read into its last byte: the command must not wait for us while it is being stopped.
    const std::size_t from = std::min(printed_, most_);
    const auto n = read(shell_->output, MutableByteView{output_}.subspan(from));
    if (n) printed_ = from + *n;
  }

  void take_errors() {
    if (!shell_->errors) return;
    Buffer piece(kPiece);
    const auto n = read(shell_->errors, piece);
    if (!n) return;
    errors_ += as_text(ByteView{piece}.first(*n));
    if (errors_.size() > kKeptErrors) errors_.erase(0, errors_.size() - kKeptErrors);
  }

  // Nothing when there is nothing now; the stream is closed at its end.
  static std::optional<std::size_t> read(Descriptor& from, MutableByteView into) {
    const auto n = posix::again_if_interrupted([&] { return ::read(from.get(), into.data(), into.size()); });
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0 || errno != EAGAIN) from.close();
    return {};
  }

  const std::size_t most_;
  Shell shell_;
  Descriptor end_;
  Buffer output_;
  std::size_t printed_ = 0;
  std::string errors_;
  bool ended_ = false;
};

template <class Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    if (!line.empty()) take(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

std::string in_brackets(const std::string& errors) {
  constexpr std::size_t kLastWords = 200;
  std::string_view last;
  for_each_line(errors, [&](std::string_view line) { last = line; });
  if (last.empty()) return {};
  std::string out = " (";
  for (char c : valid_text(last, kLastWords)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out + ")";
}

std::string in_words(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s" : std::to_string(time.count()) + " ms";
}

}  // namespace

Buffer command_output(const std::string& command_line, const CommandLimits& limits) {
  const std::string doing = "running the command '" + command_line + "'";
  Running command(command_line, limits.output);
  const Deadline until{limits.time};
  while (!command.ended() && !command.too_much() && !until.over()) command.step(until);
  if (!command.ended() || command.too_much()) {
    command.stop(limits.grace);
    (void)command.status();
    const std::string last_words = in_brackets(command.errors());
    if (command.too_much()) throw failure::whole(Errc::too_large, doing + ": it prints more than " + std::to_string(limits.output) + " bytes" + last_words);
    throw failure::whole(Errc::command, doing + ": it took longer than " + in_words(limits.time) + " and was ended" + last_words +
                                            "; run it by hand, without a terminal, to see what it waits for");
  }
  const int status = command.status();
  if (status != 0) throw failure::whole(Errc::configuration, doing + ": it failed with " + how_child_ended(status) + in_brackets(command.errors()));
  for_each_line(command.errors(), [&](std::string_view line) { log_warning("the command '{}' says: {}", command_line, line); });
  return std::move(command).output();
}

}  // namespace farkeep
