#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"
#include "platform/source_linux.hpp"
#include "platform/stat_linux.hpp"
#include "platform/xattr_linux.hpp"

namespace farkeep::posix {

std::size_t OpenSourceFile::read(MutableByteView into) {
  auto const n = read_fully(file_.get(), offset_, into);
  if (n < 0) throw_errno(errno, "reading file " + printable(name_));
  offset_ += static_cast<std::uint64_t>(n);
  return static_cast<std::size_t>(n);
}

EntryStat OpenSourceFile::stat() const {
  struct stat st;
  if (::fstat(file_.get(), &st) != 0) throw_errno(errno, "looking at file " + printable(name_));
  return entry_stat(st);
}

std::vector<DataRange> OpenSourceFile::data_ranges() const {
  EntryStat const now = stat();
  std::uint64_t const size = now.size;
  if (size == 0) return {};
  std::vector<DataRange> const whole{{0, size}};
  constexpr std::size_t kMost = 1 << 20;  // 16 MiB; a snapshot keeps far fewer
  if (now.blocks512 * 512 >= size) return whole;  // no room for a hole: spares the usual file two calls
  std::vector<DataRange> out;
  for (std::uint64_t at = 0; at < size;) {
    auto const data = ::lseek(file_.get(), static_cast<off_t>(at), SEEK_DATA);
    if (data < 0) {
      if (errno == ENXIO) break;  // nothing but hole from here on
      if (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS) return whole;
      throw_errno(errno, "looking for holes in file " + printable(name_));
    }
    auto const hole = ::lseek(file_.get(), data, SEEK_HOLE);
    if (hole < 0 && errno != ENXIO) throw_errno(errno, "looking for holes in file " + printable(name_));
    // The file may shrink or grow meanwhile: stay within the size of above, and always move on.
    std::uint64_t const begin = std::max(static_cast<std::uint64_t>(data), at);
    std::uint64_t const end = hole < 0 ? size : std::min(static_cast<std::uint64_t>(hole), size);
    if (begin >= end) break;
    out.push_back({begin, end - begin});
    at = end;
    if (out.size() < kMost) continue;
    out.back().length = size - begin;  // what follows counts as data
    break;
  }
  return out;
}

bool OpenSourceFile::is_kernels() const { return lies_in_kernel(file_.get()); }

bool OpenSourceFile::has_flags() const { return is_flagged(file_.get()); }

Xattrs OpenSourceFile::xattrs() const { return XattrPlace::of(file_.get(), name_).read(); }

}  // namespace farkeep::posix
