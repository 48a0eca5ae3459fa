#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <limits>

#include "platform/entry_meta.hpp"
#include "platform/stat_linux.hpp"

namespace farkeep::posix {
namespace {

std::int64_t nanoseconds(const timespec& t) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  using Range = std::numeric_limits<std::int64_t>;
  std::int64_t out;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(t.tv_sec), kPerSecond, &out) ||
      __builtin_add_overflow(out, static_cast<std::int64_t>(t.tv_nsec), &out))
    return t.tv_sec < 0 ? Range::min() : Range::max();
  return out;
}

EntryKind kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return EntryKind::folder;
    case S_IFLNK:
      return EntryKind::symlink;
    case S_IFIFO:
      return EntryKind::fifo;
    case S_IFSOCK:
      return EntryKind::socket;
    case S_IFCHR:
      return EntryKind::char_device;
    case S_IFBLK:
      return EntryKind::block_device;
    default:
      return EntryKind::file;
  }
}

}  // namespace

EntryStat entry_stat(const struct ::stat& st) {
  EntryStat out;
  out.kind = kind_of(st.st_mode);
  out.mode = st.st_mode & 07777;
  out.uid = st.st_uid;
  out.gid = st.st_gid;
  out.mtime_ns = nanoseconds(st.st_mtim);
  out.ctime_ns = nanoseconds(st.st_ctim);
  out.size = static_cast<std::uint64_t>(st.st_size);
  out.inode = st.st_ino;
  out.device = st.st_dev;
  out.links = st.st_nlink;
  if (out.kind == EntryKind::char_device || out.kind == EntryKind::block_device) {
    out.device_major = major(st.st_rdev);
    out.device_minor = minor(st.st_rdev);
  }
  out.blocks512 = static_cast<std::uint64_t>(st.st_blocks);
  return out;
}

}  // namespace farkeep::posix
