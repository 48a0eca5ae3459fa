#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.hpp"
#include "base/error.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"
#include "platform/target_posix.hpp"

namespace farkeep {

TargetFile::~TargetFile() {
  if (!made_as_.empty()) ::unlinkat(folder_->get(), made_as_.c_str(), 0);
}

void TargetFile::write_at(std::uint64_t offset, ByteView bytes) {
  if (!posix::write_fully(file_.get(), offset, bytes)) throw_errno(errno, "writing file " + printable(name_));
}

void TargetFile::set_size(std::uint64_t size) {
  auto const cut = [&] { return ::ftruncate(file_.get(), static_cast<off_t>(size)); };
  if (posix::again_if_interrupted(cut) != 0) throw_errno(errno, "setting the size of file " + printable(name_));
}

// 1. metadata  2. close, where network file systems confess a full disk  3. the name
NotApplied TargetFile::finish(const EntryStat& stat, std::span<const Xattr> xattrs, const OwnerText& owner) {
  FARKEEP_CHECK(file_);
  struct stat now;
  if (::fstat(file_.get(), &now) != 0) throw_errno(errno, "finishing file " + printable(name_));
  identity_ = {now.st_dev, now.st_ino, EntryKind::file};
  posix::ApplyTo const to{file_.get(), false, inherits_acl_, now, name_};
  NotApplied missing = posix::apply_metadata(to, *context_, stat, xattrs, owner);
  if (int const lost = file_.close(); lost != 0) throw_errno(lost, "closing file " + printable(name_));
  posix::take_place(folder_->get(), made_as_, name_, replace_);
  made_as_.clear();
  lock_.close();
  return missing;
}

}  // namespace farkeep
