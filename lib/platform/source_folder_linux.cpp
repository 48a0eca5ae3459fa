#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "platform/folder_posix.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"
#include "platform/source_linux.hpp"
#include "platform/stat_linux.hpp"
#include "platform/xattr_linux.hpp"

namespace farkeep {
namespace {

using posix::again_if_interrupted;

/// Opens for reading without touching the access time, which only the owner (or CAP_FOWNER) may ask for.
Descriptor open_quietly(int folder, const char* name, int flags) {
  for (int const quiet : {O_NOATIME, 0}) {
    Descriptor d{again_if_interrupted([&] { return ::openat(folder, name, O_RDONLY | O_CLOEXEC | flags | quiet); })};
    if (d || errno != EPERM) return d;
  }
  return {};
}

// A folder; only to be passed through where it does not let itself be listed, and then `cannot_list` says why.
Descriptor open_folder(int folder, const char* name, int& cannot_list) {
  cannot_list = 0;
  Descriptor d = open_quietly(folder, name, O_DIRECTORY | O_NOFOLLOW);
  if (d || errno != EACCES) return d;
  cannot_list = EACCES;
  return Descriptor{again_if_interrupted([&] { return ::openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); })};
}

[[noreturn]] void fail(const char* doing, const std::string& name) {
  throw_errno(errno, std::string{doing} + ' ' + printable(name));
}

/// A name is one component: what a folder lists, or a catalog holds, must not become a path by accident.
void check_name(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    throw failure(Errc::malformed, "looking at " + printable(name) + ", which is no name of anything in a folder");
}

}  // namespace

// 1. pieces that the system takes, one openat each  2. the last component, not followed
std::shared_ptr<SourceFolder> SourceFolder::open(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos)
    throw failure(Errc::configuration, "opening folder " + printable(path) + ": not an absolute path");
  constexpr std::size_t kPiece = 2048;  // half of PATH_MAX, for a component may hang over
  Descriptor at;
  std::size_t begin = 0;
  std::size_t const end = path.find_last_not_of('/') + 1;  // 0 for the root
  std::size_t const last = end == 0 ? 0 : path.find_last_of('/', end - 1) + 1;
  while (begin < last) {
    std::size_t piece_end = last;
    if (last - begin > kPiece) {
      auto const slash = path.rfind('/', begin + kPiece);
      if (slash != std::string::npos && slash > begin) piece_end = slash + 1;
    }
    std::string const piece = path.substr(begin, piece_end - begin);
    Descriptor next{again_if_interrupted(
        [&] { return ::openat(at ? at.get() : AT_FDCWD, piece.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); })};
    if (!next) fail("opening folder", path);
    at = std::move(next);
    begin = path.find_first_not_of('/', piece_end);
    if (begin == std::string::npos) break;
  }
  std::string const name = end == 0 ? "/" : path.substr(last, end - last);
  int cannot_list = 0;
  Descriptor folder = open_folder(at ? at.get() : AT_FDCWD, name.c_str(), cannot_list);
  if (!folder) fail("opening folder", path);
  return std::make_shared<posix::OpenSourceFolder>(std::move(folder), path, cannot_list);
}

namespace {

class SystemSources final : public SourceTree {
 public:
  std::shared_ptr<SourceFolder> open(const std::string& path) override { return SourceFolder::open(path); }
};

}  // namespace

SourceTree& system_sources() {
  static SystemSources sources;
  return sources;
}

namespace posix {

std::vector<SourceName> OpenSourceFolder::entries() const { return names({}, std::numeric_limits<std::size_t>::max()).names; }

SourceNames OpenSourceFolder::names(const std::string& after, std::size_t room) const {
  if (cannot_list_ != 0) throw_errno(cannot_list_, "opening folder " + printable(name_));
  SourceNames found;
  std::vector<FolderName> names = read_names(folder_.get(), name_, NamesWanted{after, room, weight_of(SourceName{})}, found.more);
  // Asked in the order of the inodes: a cold disk then reads its inode table forwards, once.
  std::vector<std::uint32_t> order(names.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a].inode < names[b].inode; });
  std::vector<SourceName>& out = found.names;
  out.resize(names.size());
  for (std::uint32_t const i : order) {
    out[i].name = std::move(names[i].name);
    struct stat st;
    if (::fstatat(folder_.get(), out[i].name.c_str(), &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) {
      out[i].stat = entry_stat(st);
    } else {
      out[i].error = {errno, boost::system::system_category()};
      if (names[i].is_folder) out[i].stat.kind = EntryKind::folder;  // what leaves folders out leaves it out
    }
  }
  return found;
}

std::shared_ptr<SourceFolder> OpenSourceFolder::folder(const std::string& name) const {
  check_name(name);
  int cannot_list = 0;
  Descriptor inner = open_folder(folder_.get(), name.c_str(), cannot_list);
  if (!inner) fail("opening folder", name);
  return std::make_shared<OpenSourceFolder>(std::move(inner), name, cannot_list);
}

std::unique_ptr<SourceFile> OpenSourceFolder::file(const std::string& name) const {
  check_name(name);
  // O_NONBLOCK: a fifo that took the file's name since it was listed must not hold us; O_NOCTTY the same for terminals.
  // Regular files do not mind either.
  Descriptor file = open_quietly(folder_.get(), name.c_str(), O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) fail("opening file", name);
  struct stat st;
  if (::fstat(file.get(), &st) != 0) fail("opening file", name);
  if (!S_ISREG(st.st_mode)) throw failure(Errc::io, "opening file " + printable(name) + ": no longer a regular file");
  return std::make_unique<OpenSourceFile>(std::move(file), name);
}

std::string OpenSourceFolder::link_target(const std::string& name) const {
  check_name(name);
  for (std::string out(256, '\0'); out.size() <= limits::kMaxPath; out.resize(4 * out.size())) {
    auto const n = ::readlinkat(folder_.get(), name.c_str(), out.data(), out.size());
    if (n < 0) fail("reading link", name);
    if (static_cast<std::size_t>(n) < out.size()) {
      out.resize(static_cast<std::size_t>(n));
      return out;
    }
  }
  throw failure(Errc::too_large, "reading link " + printable(name));
}

Xattrs OpenSourceFolder::xattrs(const std::string& name) const {
  check_name(name);
  try {
    return XattrPlace::in(folder_.get(), name).read();
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::not_found || ::access("/proc/self/fd", F_OK) == 0) throw;
  }
  // No /proc, as in a rescue system: what can be opened has them by its descriptor.  Of links and devices nobody can tell.
  EntryKind const kind = stat(name).kind;
  if (kind != EntryKind::folder && kind != EntryKind::file) return {};
  Descriptor const d = open_quietly(folder_.get(), name.c_str(), kind == EntryKind::folder ? O_DIRECTORY | O_NOFOLLOW : O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!d && errno == EACCES && kind == EntryKind::folder) return {};
  if (!d && errno == ENOENT) fail("opening", name);
  if (!d) return {{}, "all of them: " + boost::system::error_code(errno, boost::system::system_category()).message()};
  return XattrPlace::of(d.get(), name).read();
}

EntryStat OpenSourceFolder::stat(const std::string& name) const {
  check_name(name);
  struct stat st;
  if (::fstatat(folder_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) fail("looking at", name);
  return entry_stat(st);
}

// Not every one of 300,000 names that vanish while their folder is read can be searched for.  1. the first ones are  2. then all names are read once: what is not among them
// is gone  3. some of those among them are searched for all the same, for they may have gone since  4. if none of these was found, the rest counts as gone too
bool OpenSourceFolder::lists(const std::string& name) const {
  constexpr int kMostSearches = 64;
  constexpr std::size_t kMostListed = 1 << 20;
  if (cannot_list_ != 0) return SourceFolder::lists(name);
  std::lock_guard guard{search_};
  if (searched_ >= 2 * kMostSearches) return is_listed_ && may_be_listed(name);
  // Opened anew: the position of the other one belongs to who lists it.
  Descriptor const own = open_quietly(folder_.get(), ".", O_DIRECTORY);
  if (!own) return errno != ENOENT;
  try {
    if (searched_ == kMostSearches && listed_.empty()) listed_ = name_digests(own.get(), name_, kMostListed);
    if (listed_.size() == kMostListed) listed_.clear();  // not all of them
    if (!may_be_listed(name)) return false;
    ++searched_;
    bool const found = has_name(own.get(), name_, name);
    is_listed_ = is_listed_ || found;
    return found;
  } catch (const failure& f) {
    return classify(f.code()) != Errc::not_found;
  }
}

bool OpenSourceFolder::may_be_listed(const std::string& name) const {
  return listed_.empty() || std::binary_search(listed_.begin(), listed_.end(), std::hash<std::string_view>{}(name));
}

EntryStat OpenSourceFolder::stat() const {
  struct stat st;
  if (::fstat(folder_.get(), &st) != 0) fail("looking at folder", name_);
  return entry_stat(st);
}

Xattrs OpenSourceFolder::xattrs() const {
  return (cannot_list_ == 0 ? XattrPlace::of(folder_.get(), name_) : XattrPlace::of_path_only(folder_.get(), name_)).read();
}

bool OpenSourceFolder::is_kernels() const { return lies_in_kernel(folder_.get()); }

bool OpenSourceFolder::has_flags() const { return cannot_list_ == 0 && is_flagged(folder_.get()); }

bool is_flagged(int descriptor) {
  int flags = 0;
  return ::ioctl(descriptor, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOCOW_FL)) != 0;
}

bool lies_in_kernel(int descriptor) {
  struct statfs fs;
  if (again_if_interrupted([&] { return ::fstatfs(descriptor, &fs); }) != 0) return false;
  // linux/magic.h, where it has them.
  constexpr std::array<std::uint32_t, 21> kMade = {
      0x9fa0,      // proc
      0x62656572,  // sysfs
      0x27e0eb,    // cgroup
      0x63677270,  // cgroup2
      0x64626720,  // debugfs
      0x74726163,  // tracefs
      0x73636673,  // securityfs
      0x62656570,  // configfs
      0xcafe4a11,  // bpf
      0x6165676c,  // pstore
      0x1cd1,      // devpts
      0x42494e4d,  // binfmt_misc
      0xde5e81e4,  // efivarfs
      0xf97cff8c,  // selinuxfs
      0x43415d53,  // smackfs
      0x19800202,  // mqueue
      0x958458f6,  // hugetlbfs
      0x65735543,  // fusectl
      0x67596969,  // rpc_pipefs
      0x6e736673,  // nsfs
      0x7655821,   // resctrl
  };
  return std::find(kMade.begin(), kMade.end(), static_cast<std::uint32_t>(fs.f_type)) != kMade.end();
}

}  // namespace posix
}  // namespace farkeep
