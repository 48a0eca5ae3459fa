#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "platform/entry_meta.hpp"
#include "platform/stat_linux.hpp"

namespace farkeep::posix {
namespace {

struct Stamp {
  std::int64_t ns;
  std::int64_t far = 0;
};

Stamp stamp(const timespec& t) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  std::int64_t const seconds = t.tv_sec, rest = t.tv_nsec % kPerSecond;  // a damaged inode may hold more than a second
  std::int64_t ns = 0;
  if (!__builtin_mul_overflow(seconds, kPerSecond, &ns) && !__builtin_add_overflow(ns, rest, &ns)) return {ns};
  std::int64_t const end = seconds < 0 ? kFirstFarSecond : kLastFarSecond;
  return {end * kPerSecond + rest, seconds - end};
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
  Stamp const mtime = stamp(st.st_mtim);
  out.mtime_ns = mtime.ns;
  out.mtime_far = mtime.far;
  out.ctime_ns = stamp(st.st_ctim).ns;
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
