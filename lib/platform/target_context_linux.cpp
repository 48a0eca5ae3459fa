#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"
#include "platform/target_posix.hpp"

namespace farkeep {
namespace {

constexpr int kEnterFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool is_component(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

/// One openat per component, each of which must be a folder and not a symlink: what openat2 does in one call.
Descriptor open_by_component(int folder, const std::string& relative) {
  Descriptor at;
  for (std::size_t begin = 0; begin <= relative.size();) {
    std::size_t const end = std::min(relative.find('/', begin), relative.size());
    std::string const name = relative.substr(begin, end - begin);
    int const from = at ? at.get() : folder;
    Descriptor next{posix::again_if_interrupted([&] { return ::openat(from, name.c_str(), kEnterFolder); })};
    if (!next) return {};
    at = std::move(next);
    begin = end + 1;
  }
  return at;
}

}  // namespace

TargetContext::TargetContext(const TargetOptions& o) : options(o), our_uid(::geteuid()) {
  // Random, so that two restores into one folder and the leftovers of a crash never meet.
  std::uint8_t random[6];
  if (::getrandom(random, sizeof random, 0) != sizeof random) throw_errno(errno, "asking for random bytes");
  prefix_ = std::string{kTargetTemporaryPrefix} + hex(random) + '-';
}

TargetContext::Owner TargetContext::owner_for(const EntryStat& stat, const OwnerText& text) {
  Owner out{stat.uid, stat.gid};
  if (options.ownership != Ownership::names || (text.user.empty() && text.group.empty())) return out;
  std::lock_guard const guard{lock_};
  if (!text.user.empty()) out.uid = names_.uid(std::string{text.user}).value_or(stat.uid);
  if (!text.group.empty()) out.gid = names_.gid(std::string{text.group}).value_or(stat.gid);
  return out;
}

std::string TargetContext::temporary_name() { return prefix_ + std::to_string(counter_++); }

namespace posix {

void check_target_name(const std::string& name) {
  if (!is_component(name)) throw failure(Errc::malformed, "restoring an entry with the name " + printable(name));
}

Descriptor open_beneath(int folder, const std::string& relative, TargetOptions::Walk walk) {
  for (std::size_t begin = 0; begin <= relative.size();) {
    std::size_t const end = std::min(relative.find('/', begin), relative.size());
    if (!is_component(std::string_view{relative}.substr(begin, end - begin)))
      throw failure(Errc::malformed, "restoring below " + printable(relative));
    begin = end + 1;
  }
  if (walk == TargetOptions::Walk::best) {
    open_how how{};
    how.flags = kEnterFolder;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    Descriptor out{static_cast<int>(
        again_if_interrupted([&] { return ::syscall(SYS_openat2, folder, relative.c_str(), &how, sizeof how); }))};
    // ENOSYS: Linux before 5.6, and EPERM: a seccomp filter of that age.  EAGAIN: something was renamed meanwhile, and
    // the kernel could not be sure.  ENAMETOOLONG: longer than one call takes.
    if (out || (errno != ENOSYS && errno != EPERM && errno != EAGAIN && errno != ENAMETOOLONG)) return out;
  }
  return open_by_component(folder, relative);
}

void take_place(int folder, const std::string& from, const std::string& to, bool replace) {
  if (from == to) return;
  if (!replace) {
    if (!rename_new(folder, from.c_str(), folder, to.c_str()))
      throw failure(Errc::exists, "restoring " + printable(to) + ": something took the name meanwhile");
    return;
  }
  auto const rename = [&] { return ::renameat(folder, from.c_str(), folder, to.c_str()); };
  if (rename() == 0) return;
  if (errno == EISDIR) {
    if (::unlinkat(folder, to.c_str(), AT_REMOVEDIR) == 0) {
      if (rename() == 0) return;
    } else if (errno == ENOTEMPTY || errno == EEXIST) {
      throw failure(Errc::exists, "restoring " + printable(to) + ": a folder that is not empty has the name");
    }
  }
  throw_errno(errno, "restoring " + printable(to));
}

}  // namespace posix
}  // namespace farkeep
