#include "platform/folder_posix.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "platform/descriptor.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"

namespace farkeep::posix {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

bool is_folder(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  auto const slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// 1. unlink, which is all for most  2. a folder: open it, never through a symlink  3. empty it  4. remove it
void remove_beneath(int folder, const std::string& name, const std::string& path) {
  auto const fail = [&] { throw_errno(errno, "removing " + printable(path)); };
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) fail();  // EPERM is POSIX's answer for a folder
  int const cause = errno;
  Descriptor inner{again_if_interrupted([&] { return ::openat(folder, name.c_str(), kOpenFolder | O_NOFOLLOW); })};
  if (!inner) {
    if (errno == ENOENT) return;
    if (errno == ENOTDIR) errno = cause;
    fail();
  }
  for (const FolderName& n : read_names(inner.get(), path)) remove_beneath(inner.get(), n.name, path + '/' + n.name);
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail();
}

}  // namespace

namespace {

// std::string compares as unsigned bytes, which is the order the catalog keeps.
bool comes_before(const FolderName& a, const FolderName& b) { return a.name < b.name; }

// The first names of those that were put in; a heap, the last of them on top, as soon as it is full.
class FirstNames {
 public:
  explicit FirstNames(const NamesWanted& wanted) : wanted_(wanted) {}
  void put(std::string_view name, std::uint64_t inode, bool is_folder) {
    if (name <= wanted_.after || (more_ && name >= names_.front().name)) return;
    names_.push_back({std::string{name}, inode, is_folder});
    held_ += weight(names_.back());
    if (more_) std::push_heap(names_.begin(), names_.end(), comes_before);
    while (held_ > wanted_.room && names_.size() > 1) {
      if (!std::exchange(more_, true)) std::make_heap(names_.begin(), names_.end(), comes_before);
      std::pop_heap(names_.begin(), names_.end(), comes_before);
      held_ -= weight(names_.back());
      names_.pop_back();
    }
  }
  std::vector<FolderName> take(bool& more) {
    more = more_;
    std::sort(names_.begin(), names_.end(), comes_before);
    names_.erase(std::unique(names_.begin(), names_.end(), [](const FolderName& a, const FolderName& b) { return a.name == b.name; }), names_.end());
    return std::move(names_);
  }

 private:
  std::size_t weight(const FolderName& n) const { return wanted_.each + n.name.size(); }

  const NamesWanted& wanted_;
  std::vector<FolderName> names_;
  std::size_t held_ = 0;
  bool more_ = false;
};

}  // namespace

std::vector<FolderName> read_names(int folder, const std::string& path) {
  bool more = false;
  return read_names(folder, path, NamesWanted{}, more);
}

namespace {

// Calls `see` with each name, until that says that it has seen enough.
template <class See>
void for_each_name(int folder, const std::string& path, See see) {
  auto const fail = [&] { throw_errno(errno, "reading folder " + printable(path)); };
  // A duplicate, because closedir() closes what it was given; a second open of "." would need search permission.
  int const copy = ::fcntl(folder, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) fail();
  std::unique_ptr<DIR, CloseFolder> stream{::fdopendir(copy)};
  if (!stream) {
    int const cause = errno;
    ::close(copy);
    errno = cause;
    fail();
  }
  ::rewinddir(stream.get());
  for (;;) {
    errno = 0;
    const dirent* const e = ::readdir(stream.get());
    if (e == nullptr) {
      if (errno != 0) fail();
      return;
    }
    std::string_view const name{e->d_name};
    if (name != "." && name != ".." && !see(name, std::uint64_t{e->d_ino}, e->d_type == DT_DIR)) return;
  }
}

}  // namespace

std::vector<FolderName> read_names(int folder, const std::string& path, const NamesWanted& wanted, bool& more) {
  FirstNames names(wanted);
  for_each_name(folder, path, [&](std::string_view name, std::uint64_t inode, bool is_folder) {
    names.put(name, inode, is_folder);
    return true;
  });
  return names.take(more);
}

bool has_name(int folder, const std::string& path, std::string_view name) {
  bool found = false;
  for_each_name(folder, path, [&](std::string_view n, std::uint64_t, bool) { return !(found = n == name); });
  return found;
}

std::vector<std::size_t> name_digests(int folder, const std::string& path, std::size_t most) {
  std::vector<std::size_t> out;
  for_each_name(folder, path, [&](std::string_view n, std::uint64_t, bool) {
    out.push_back(std::hash<std::string_view>{}(n));
    return out.size() < most;
  });
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<FolderOwner> owner_for_new(const std::string& path) {
  struct stat st;
  if (::geteuid() != 0 || ::stat(parent_of(path).c_str(), &st) != 0 || st.st_uid == 0) return std::nullopt;
  return FolderOwner{st.st_uid, st.st_gid};
}

// An administrator's command in the folder of a service leaves nothing that the service cannot go on with, and the service cannot lead
// root elsewhere.  Only what this very call made is given away: the user could have put a link to anything there before.
Descriptor open_for(const std::string& path, int flags) {
  auto const call = [&](int how) { return Descriptor{again_if_interrupted([&] { return ::open(path.c_str(), how | O_CLOEXEC | O_NOCTTY, 0600); })}; };
  auto const owner = (flags & O_CREAT) != 0 ? owner_for_new(path) : std::nullopt;
  if (!owner) return call(flags);
  constexpr int kTries = 10;  // it may come and go meanwhile
  for (int i = 0; i < kTries; ++i) {
    Descriptor made = call(flags | O_EXCL | O_NOFOLLOW);
    if (made && ::fchown(made.get(), owner->user, owner->group) != 0) {
      int const cause = errno;
      made.close();
      errno = cause;
      return {};
    }
    if (made || errno != EEXIST || (flags & O_EXCL) != 0) return made;
    Descriptor there = call((flags & ~O_CREAT) | O_NOFOLLOW);
    if (there || errno != ENOENT) return there;
  }
  return {};
}

void make_folders(const std::string& path) {
  if (path.empty() || is_folder(path)) return;
  std::string const parent = parent_of(path);
  if (parent != path) make_folders(parent);
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST && is_folder(path)) return;  // somebody else was faster
    throw_errno(errno, "making folder " + printable(path));
  }
  if (auto const owner = owner_for_new(path)) {
    Descriptor const made{again_if_interrupted([&] { return ::open(path.c_str(), kOpenFolder | O_NOFOLLOW); })};
    if (!made || ::fchown(made.get(), owner->user, owner->group) != 0) throw_errno(errno, "giving folder " + printable(path) + " to its parent's owner");
  }
  try {
    sync_folder(parent);
  } catch (...) {
    ::rmdir(path.c_str());  // if that fails too, the one who asks again takes it for durable; two failures at once are not promised
    throw;
  }
}

void sync_folder(const std::string& path) {
  auto const fail = [&] { throw_errno(errno, "syncing folder " + printable(path)); };
  Descriptor folder{again_if_interrupted([&] { return ::open(path.c_str(), kOpenFolder); })};
  if (!folder) fail();
  // EINVAL: a file system that has nothing to sync for folders.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) fail();
}

std::vector<std::string> list_folder(const std::string& path) {
  Descriptor folder{again_if_interrupted([&] { return ::open(path.c_str(), kOpenFolder); })};
  if (!folder) {
    if (errno == ENOENT) return {};
    throw_errno(errno, "listing folder " + printable(path));
  }
  std::vector<std::string> out;
  for (FolderName& n : read_names(folder.get(), path)) out.push_back(std::move(n.name));
  return out;
}

void remove_tree(const std::string& path) { remove_beneath(AT_FDCWD, path, path); }

}  // namespace farkeep::posix
