#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "async/task.hpp"
#include "base/bytes.hpp"
#include "platform/child.hpp"

namespace farkeep {

/// A command line that runs, watched from the event loop.
///
/// Both of its streams must be read to their ends, or it waits for us.  Destroyed before it has ended, its process group is asked to end, and killed
/// some seconds later if it did not; nobody waits for that.
class Child {
 public:
  virtual ~Child() = default;
  /// What it prints; 0 when no more comes.  One reader at a time for each.
  virtual task<std::size_t> read_output(MutableByteView into) = 0;
  virtual task<std::size_t> read_errors(MutableByteView into) = 0;
  /// Its exit status, 256 + n when signal n ended it.
  virtual task<int> ended() = 0;
};

/// The seam between jobs and the machine's commands, for tests.
class Children {
 public:
  virtual ~Children() = default;
  /// Throws failure with the command in the text.
  virtual task<std::unique_ptr<Child>> start(ChildOrder order) = 0;
};

/// The machine's.  Its children's loop must run until it has no more work, or they must have ended before it.
class SystemChildren final : public Children {
 public:
  /// `grace`: between asking a command to end and killing it.
  explicit SystemChildren(std::chrono::milliseconds grace = std::chrono::seconds(10)) : grace_(grace) {}
  task<std::unique_ptr<Child>> start(ChildOrder order) override;

 private:
  const std::chrono::milliseconds grace_;
};
Children& system_children();

}  // namespace farkeep
