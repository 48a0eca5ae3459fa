#pragma once

#include <filesystem>
#include <memory>

#include "async/task.hpp"
#include "transport/stream.hpp"

namespace farkeep {

/// A unix-domain socket for the administrator's command on the same machine.  Its file has mode 0600: whoever may open
/// it is the daemon's own user or root; there is no other authentication.
class LocalListener {
 public:
  /// Takes the place of a socket file that nobody listens at any more.  Throws failure: busy when somebody does,
  /// configuration when the path is too long for a socket or something else is there, and what the system says.
  LocalListener(Executor executor, std::filesystem::path path);
  /// Removes the file.
  ~LocalListener();

  /// The next connection.
  task<std::unique_ptr<Stream>> accept();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Throws failure(unreachable) when nobody listens there.
task<std::unique_ptr<Stream>> dial_local(std::filesystem::path path);

}  // namespace farkeep
