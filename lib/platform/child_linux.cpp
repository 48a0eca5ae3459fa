#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "platform/child.hpp"

namespace farkeep {

Descriptor end_of_child(int id) {
  // glibc 2.36 declares pidfd_open() without C linkage.
  const int number = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
  if (number < 0) throw_errno(errno, "watching the command with the process id " + std::to_string(id));
  return Descriptor{number};
}

}  // namespace farkeep
