#pragma once

#include <string>
#include <vector>

#include "platform/descriptor.hpp"

namespace farkeep {

/// A command line for the system's shell.
struct ChildOrder {
  std::string command;
  std::vector<std::string> environment;  ///< NAME=value, in addition to ours but what the service manager says to this process
  std::string input = {};                ///< what it reads, at most kMaxInput; empty: nothing
  static constexpr std::size_t kMaxInput = 16 * 1024;  ///< a pipe holds as much without a reader, everywhere
};

/// A command that runs: in a session of its own (so in a process group of its own, and without a terminal to ask at), with the order's input to read, and none of our descriptors.
/// Whoever starts it calls wait_for_child() once.
struct StartedChild {
  int id = 0;
  Descriptor output, errors;  ///< where to read what it prints; both do not block
};
/// Throws failure with the command in the text; configuration when its first word is a file that others may change (file_access.hpp).
StartedChild start_child(const ChildOrder& order);

/// Its exit status, at most 255, or 256 + n when signal n ended it (128 + n would be a status, too).  Blocks until it has ended, and until then only; what it left running in its group runs on.
int wait_for_child(int id);
/// Such a status in words: "status 1", "signal 9".
std::string how_child_ended(int status);

/// Readable as soon as it has ended, to be polled beside its streams; only before wait_for_child() is called.
Descriptor end_of_child(int id);

enum class ChildSignal { ask, kill };
/// To all of the command's group.  Only before wait_for_child() has returned.
void signal_child(int id, ChildSignal signal);

}  // namespace farkeep
