#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "async/child.hpp"
#include "async/task.hpp"
#include "async/timers.hpp"

namespace farkeep {

/// Text that comes in pieces, as lines: in UTF-8 and without control characters, cut after 500 bytes, empty ones left out.  Of a flood the first kMost are
/// taken; the others are counted, which is said at the end, with the last one.
class Lines {
 public:
  using Take = std::function<void(std::string_view line)>;
  explicit Lines(Take take) : take_(std::move(take)) {}
  void add(std::string_view piece);
  static constexpr std::size_t kMost = 200;
  /// The text ends here; what has no line end is a line, too.
  void end();
  /// The last one, shortened for a message; empty when there was none.
  const std::string& last() const noexcept { return last_; }

 private:
  void end_line();

  Take take_;
  std::string open_, last_;
  std::size_t taken_ = 0, left_out_ = 0;
};

/// Runs a command line to its end.  What it prints goes to `line`, line by line.  Returns when it has ended; what it left running behind it, with its
/// streams, is not waited for.
///
/// Throws failure(command), with its last line, when its status is neither 0 nor `also`, and when it takes longer than `limit`, of which the message says where it
/// is set (empty: nowhere); it is asked to end then, as it is when the caller is cancelled.  Returns the status.
task<int> run_command(Children& children, Timers& timers, ChildOrder order, std::chrono::nanoseconds limit, std::string limit_is, int also, Lines::Take line);

/// Reads what a command prints to its standard error, to the end of that or, at the latest, half a second beyond its own.
task<void> read_errors(Child& child, Timers& timers, Lines& lines);

/// "the command 'pg_dump main' ended with status 1 (connection refused)"
std::string how_it_ended(const std::string& command, int status, const std::string& last_words);

}  // namespace farkeep
