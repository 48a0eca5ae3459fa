#include "async/commands.hpp"

#include <utility>

#include "async/race.hpp"
#include "async/scope.hpp"
#include "base/error.hpp"
#include "base/utf8.hpp"
#include "base/valid_text.hpp"
#include "platform/child.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kLongestLine = 500;
constexpr std::size_t kMostBytes = 4;  // of a character
constexpr std::size_t kLastWords = 200;
constexpr auto kAfterEnd = 500ms;  // for what is still in the pipes when a command has ended

enum class Which { output, errors };

task<void> read_all(Child& child, Which which, Lines& lines) {
  Buffer piece(4096);
  for (;;) {
    std::size_t n = 0;
    if (which == Which::output) n = co_await child.read_output(piece);
    else n = co_await child.read_errors(piece);
    if (n == 0) co_return;
    lines.add(as_text(ByteView{piece}.first(n)));
  }
}

task<void> read_both(Child& child, Lines& output, Lines& errors) {
  Scope scope(co_await asio::this_coro::executor);
  scope.spawn(read_all(child, Which::output, output), "reading a command's output");
  scope.spawn(read_all(child, Which::errors, errors), "reading a command's errors");
  co_await scope.join();
}

task<void> a_moment_after(Child& child, Timers& timers) {
  co_await child.ended();
  co_await timers.sleep(kAfterEnd);
}

task<int> attend(Child& child, Timers& timers, Lines& output, Lines& errors) {
  co_await race(read_both(child, output, errors), a_moment_after(child, timers));
  output.end();
  errors.end();
  const int status = co_await child.ended();
  co_return status;
}

}  // namespace

task<void> read_errors(Child& child, Timers& timers, Lines& lines) {
  co_await race(read_all(child, Which::errors, lines), a_moment_after(child, timers));
  lines.end();
}

void Lines::add(std::string_view piece) {
  for (char c : piece) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (c == '\n') end_line();
    else if (open_.size() < kLongestLine + kMostBytes && c != '\r') open_.push_back(control ? ' ' : c);
  }
}

void Lines::end() {
  end_line();
  if (left_out_ == 0) return;
  take_("(" + std::to_string(left_out_) + " more lines, the last one: " + last_ + ")");
  left_out_ = 0;
}

void Lines::end_line() {
  if (open_.empty()) return;
  const std::string line = valid_text(std::exchange(open_, {}), kLongestLine);
  last_ = whole_characters(line, kLastWords);
  if (taken_ == kMost) {
    ++left_out_;
    return;
  }
  ++taken_;
  take_(line);
}

std::string how_it_ended(const std::string& command, int status, const std::string& last_words) {
  std::string text = "the command '" + command + "' ended with " + how_child_ended(status);
  if (!last_words.empty()) text += " (" + last_words + ")";
  return text;
}

task<int> run_command(Children& children, Timers& timers, ChildOrder order, std::chrono::nanoseconds limit, std::string limit_is, int also, Lines::Take line) {
  const std::string command = order.command;
  const std::unique_ptr<Child> child = co_await children.start(std::move(order));
  Lines output(line), errors(line);
  int status = 0;
  std::string late;
  try {
    const std::string doing = "running the command '" + command + "'";
    status = co_await with_timeout(timers, limit, attend(*child, timers, output, errors), doing);
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::timed_out) throw;
    late = "the command '" + command + "' took longer than " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) + " s and was ended";
    if (!limit_is.empty()) late += " (" + limit_is + ")";
  }
  if (!late.empty()) throw failure::whole(Errc::command, late);
  if (status != 0 && status != also) throw failure::whole(Errc::command, how_it_ended(command, status, errors.last().empty() ? output.last() : errors.last()));
  co_return status;
}

}  // namespace farkeep
