#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "async/task.hpp"
#include "async/timers.hpp"
#include "transport/local_socket.hpp"

namespace farkeep {

/// Where the daemon of this state folder listens for the command.
std::filesystem::path control_path(const std::string& state_folder);

/// The daemon's ear: one line in, one text back, then the end.  A unix socket that only its own user and root may open.
///
///   question := words of printable ASCII, "\n"; at most 256 bytes
///   answer   := "ok" | "failed: " what, for people
///
/// One question at a time; who does not ask within 5 s is hung up on.
class ControlServer {
 public:
  using Answer = std::function<task<std::string>(std::string question)>;
  /// Throws what LocalListener throws.  `timers` outlives it.
  ControlServer(Executor executor, Timers& timers, const std::string& state_folder, Answer answer);
  /// Until cancelled.
  task<void> run();

 private:
  task<void> serve(Stream& stream);

  Timers& timers_;
  LocalListener listener_;
  Answer answer_;
};

/// The daemon's answer, or nothing when none runs there.  Throws failure(timed_out) after a minute.
task<std::optional<std::string>> ask_daemon(Timers& timers, std::string state_folder, std::string question);

}  // namespace farkeep
