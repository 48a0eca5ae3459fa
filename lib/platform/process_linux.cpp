#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.hpp"
#include "base/valid_text.hpp"
#include "platform/process.hpp"

namespace farkeep {

namespace {

// What whoever started us left closed of standard input, output and errors leads nowhere from here on: the next file or socket would take its number, and be written to.
void keep_standard_streams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", O_RDWR) != stream) throw_errno(errno, "opening /dev/null in the place of a standard stream that is closed");
  }
}

}  // namespace

void harden_process() {
  keep_standard_streams();
  ::signal(SIGPIPE, SIG_IGN);  // whoever reads our messages may go away: a write says so, and a run goes on
  ::umask(077);
  rlimit const none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) throw_errno(errno, "switching core dumps off");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) throw_errno(errno, "protecting the process's memory");
}

void keep_freed_memory() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

void give_back_memory() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 1);  // each arena keeps what is freed in it to itself
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

void return_free_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

void raise_descriptor_limit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Refused, the limit stays as it is: deep trees then fail with a clear message.
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

namespace {

// capget(2): glibc has no wrapper.
bool has_capability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return false;
  return (sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability)) != 0;
}

}  // namespace

bool sees_trusted_attributes() { return has_capability(CAP_SYS_ADMIN); }

bool sees_no_trusted_attributes() { return (has_capability(CAP_DAC_READ_SEARCH) || has_capability(CAP_DAC_OVERRIDE)) && !sees_trusted_attributes(); }

bool set_niceness(int niceness) { return ::setpriority(PRIO_PROCESS, 0, niceness) == 0; }

// ioprio_set(2): glibc has no wrapper; the constants are those of linux/ioprio.h.
bool set_io_priority(IoPriority priority) {
  constexpr int kWhoProcess = 1, kClassShift = 13, kBestEffort = 2, kIdle = 3, kNone = 0, kLeast = 7;
  int value = kNone << kClassShift;
  if (priority == IoPriority::low) value = (kBestEffort << kClassShift) | kLeast;
  if (priority == IoPriority::idle) value = kIdle << kClassShift;
  return ::syscall(SYS_ioprio_set, kWhoProcess, 0, value) == 0;
}

std::string host_name() {
  char name[256];
  if (::gethostname(name, sizeof name) != 0) throw_errno(errno, "asking for the host's name");
  name[sizeof name - 1] = '\0';
  return valid_text(name);
}

std::uint32_t process_id() { return static_cast<std::uint32_t>(::getpid()); }
bool is_root() { return ::geteuid() == 0; }

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

std::optional<unsigned> terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

bool lock_memory(ByteView memory) {
  if (memory.empty()) return true;
  if (::mlock(memory.data(), memory.size()) != 0) return false;
  // madvise wants whole pages; sharing a page with the secret does a neighbour no harm.
  auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const begin = reinterpret_cast<std::uintptr_t>(memory.data()) / page * page;
  auto const end = reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size();
  return ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTDUMP) == 0;
}

}  // namespace farkeep
