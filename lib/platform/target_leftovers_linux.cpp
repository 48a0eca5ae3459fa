#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <memory>

#include "platform/target_posix.hpp"

namespace farkeep::posix {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

constexpr time_t kNoLock = 60;  // what cannot be locked, or not yet, has its temporary name for a moment only

// The prefix, twelve hex digits, a dash, a number: TargetContext::temporary_name().
bool is_temporary_name(std::string_view name) {
  constexpr std::size_t kRandom = 12;
  if (!name.starts_with(kTargetTemporaryPrefix)) return false;
  name.remove_prefix(kTargetTemporaryPrefix.size());
  auto const all_of = [](std::string_view text, std::string_view of) { return !text.empty() && text.find_first_not_of(of) == text.npos; };
  return name.size() > kRandom + 1 && all_of(name.substr(0, kRandom), "0123456789abcdef") && name[kRandom] == '-' &&
         all_of(name.substr(kRandom + 1), "0123456789");
}

bool is_left(int folder, const char* name) {
  struct stat st;
  if (::fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid != ::geteuid() || S_ISDIR(st.st_mode)) return false;
  // Further names of a file are not locked, and a file that was just made is empty.
  bool const has_lock = S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size > 0;
  if (!has_lock && st.st_ctim.tv_sec >= ::time(nullptr) - kNoLock) return false;
  if (!S_ISREG(st.st_mode)) return true;
  Descriptor const file{::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  return file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

// Only a help: what cannot be listed or removed stays, and the restore goes on.  Name by name, for a folder may hold millions.
void remove_leftovers(int folder) {
  int const copy = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  std::unique_ptr<DIR, CloseFolder> const stream{::fdopendir(copy)};
  if (!stream) {
    ::close(copy);
    return;
  }
  ::rewinddir(stream.get());
  while (const dirent* const e = ::readdir(stream.get()))
    if (is_temporary_name(e->d_name) && is_left(folder, e->d_name)) ::unlinkat(folder, e->d_name, 0);
}

}  // namespace farkeep::posix
