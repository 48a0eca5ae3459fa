#pragma once

#include <memory>

#include "async/task.hpp"

namespace farkeep {

enum class Signal {
  stop,    ///< SIGTERM or SIGINT: say goodbye and end
  reload,  ///< SIGHUP: read the configuration again
};

/// The process's signals as something to await.  From construction on they no longer kill the process; one that comes
/// while nobody awaits is kept.  One object per process.  Cancelling next() loses no signal.
class Signals {
 public:
  explicit Signals(const Executor& executor);
  ~Signals();

  task<Signal> next();
  /// As if the process had got SIGHUP.
  void ask_reload();

 private:
  struct Set;
  std::unique_ptr<Set> set_;
};

}  // namespace farkeep
