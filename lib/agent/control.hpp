#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "async/scope.hpp"
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
/// Several at a time: who does not ask within 5 s is hung up on, and sooner, the oldest first, when others stand in line for its place.
class ControlServer {
 public:
  using Answer = std::function<task<std::string>(std::string question)>;
  /// Throws what LocalListener throws.  `timers` outlives it.
  ControlServer(Executor executor, Timers& timers, const std::string& state_folder, Answer answer);
  /// Until cancelled: nothing that comes from outside ends it.
  task<void> run();

 private:
  struct Client;
  task<void> accept_all(Scope& scope);
  task<void> accept_one(Scope& scope);
  task<void> serve(std::shared_ptr<Client> client);
  task<void> talk(Client& client);
  bool make_place();

  Timers& timers_;
  LocalListener listener_;
  Answer answer_;
  std::list<std::shared_ptr<Client>> clients_;  // the oldest first
};

/// The daemon's answer, or nothing when none runs there.  Throws failure(timed_out) after a minute.
task<std::optional<std::string>> ask_daemon(Timers& timers, std::string state_folder, std::string question);

}  // namespace farkeep
