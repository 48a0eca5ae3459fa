#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "async/task.hpp"

namespace farkeep {

/// Runs child tasks side by side and ends only when all of them have ended.  Every coroutine of the program lives in
/// one; nothing is detached elsewhere.
///
/// The first child that fails cancels the others; join() rethrows its error when the last has ended.  Being cancelled
/// is not a failure once cancel() was called.  Later errors are logged at debug level with the child's name.
///
/// Use: construct, spawn, `co_await join()`, with no other co_await between: what the parent itself has to await
/// becomes a child too (children may spawn).  spawn() never runs the child before it returns, so a parent that turns
/// out to be cancelled at join() leaves no child that ever started.  A scope destroyed with started children and no
/// join is our bug and aborts.
class Scope {
 public:
  explicit Scope(Executor executor);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Starts a child in the next turn.  After cancel() the child is dropped unstarted.
  void spawn(task<void> child, std::string name);
  /// Waits until no child is left, then rethrows the first failure.  When the caller is cancelled meanwhile: cancels
  /// all children, waits for them, then throws the first failure or else operation_aborted; and the caller stays cancelled,
  /// so that it cannot go on by mistake: its next co_await throws too, unless it resets its cancellation state.
  task<void> join();
  /// Asks every child to stop.  Callable from a child.
  void cancel();

  std::size_t running() const noexcept;
  bool cancelled() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace farkeep
