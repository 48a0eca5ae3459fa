#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "platform/entry_meta.hpp"

namespace farkeep {

/// Reading what is backed up: a tree that others change, perhaps maliciously, while it is read.
///
/// Everything is relative to an open folder and nothing is followed, so a name that becomes a symlink, a fifo or
/// another folder in between gives a failure (or the new thing's own data), never another tree's and never a hang; and
/// a path may be longer than any system call takes.  Access times stay as they are where the system allows it. All
/// calls block.  All throw failure with the name in the text; classify() it: not_found means that it vanished.

/// A range of a file that is not a hole.
struct DataRange {
  std::uint64_t offset;
  std::uint64_t length;
  bool operator==(const DataRange&) const = default;
};

/// An open regular file.  One thread at a time.
class SourceFile {
 public:
  virtual ~SourceFile() = default;
  /// From where the last read ended, until `into` is full or the file ends; the bytes read.
  virtual std::size_t read(MutableByteView into) = 0;
  /// The next read starts here: to step over a hole.
  virtual void skip_to(std::uint64_t offset) = 0;
  /// As of now; comparing it with what stat said before reading tells whether the file changed meanwhile.
  virtual EntryStat stat() const = 0;
  /// Where data lies now, ascending, disjoint, within the present size; the whole file where the file system cannot
  /// tell.
  virtual std::vector<DataRange> data_ranges() const = 0;
  /// Those that can be read, limits::kMaxXattrBytes at most.
  virtual Xattrs xattrs() const = 0;
  /// As those of SourceFolder.
  virtual bool is_kernels() const { return false; }
  virtual bool has_flags() const { return false; }
};

/// A name in a folder with its lstat, or the reason why there is none.
struct SourceName {
  std::string name;
  EntryStat stat;
  boost::system::error_code error;
};

/// Some of a folder's names, from one place in their order on.
struct SourceNames {
  std::vector<SourceName> names;
  bool more = false;  ///< behind the last of them there are others
};
/// What a name takes, about, while a folder is listed.
std::size_t weight_of(const SourceName& name) noexcept;

/// An open folder; it costs one descriptor while it lives (see raise_descriptor_limit in process.hpp).
/// entries() and names() by one thread at a time; the rest by any number.
class SourceFolder {
 public:
  virtual ~SourceFolder() = default;
  /// A folder of the machine.  Symlinks above the last component are followed, for that is how the administrator named the
  /// place; the last one is not.  `path` is absolute, of any length.
  static std::shared_ptr<SourceFolder> open(const std::string& path);

  /// All names but . and .., sorted as bytes.
  virtual std::vector<SourceName> entries() const = 0;
  /// Those behind `after` that come first, sorted, as many as about `room` bytes hold and one at least: a folder may have millions.
  /// Asked again, it goes on with the folder as it is then.
  virtual SourceNames names(const std::string& after, std::size_t room) const;
  /// One that may be entered and not listed is opened too: names in it can be looked at.
  virtual std::shared_ptr<SourceFolder> folder(const std::string& name) const = 0;
  /// Refuses what is not a regular file.
  virtual std::unique_ptr<SourceFile> file(const std::string& name) const = 0;
  virtual std::string link_target(const std::string& name) const = 0;
  /// Of an entry of any kind, as SourceFile::xattrs(); throws only where the entry is not there.  Goes through /proc: of a
  /// file that is opened anyway, SourceFile::xattrs() costs a tenth.
  virtual Xattrs xattrs(const std::string& name) const = 0;
  virtual EntryStat stat(const std::string& name) const = 0;
  /// Whether the name is still in the folder, for one who was told "not found": a file system may list what it does not give, and that is not the same as a file that was
  /// removed.  Where nobody can tell it is.
  virtual bool lists(const std::string& name) const;

  /// The folder's own.
  virtual EntryStat stat() const = 0;
  virtual Xattrs xattrs() const = 0;
  /// It lies on a file system that the kernel makes up (proc, sysfs, cgroup…): what looks like files there is no content to keep, and its sizes are not true.
  virtual bool is_kernels() const { return false; }
  /// Its file system keeps flags about it (chattr) that are no part of a snapshot: immutable, append-only, no dump, no copy on write.
  virtual bool has_flags() const { return false; }
};

/// The seam between backup and the machine's file trees, for simulations.  Safe from many threads.
class SourceTree {
 public:
  virtual ~SourceTree() = default;
  /// As SourceFolder::open().
  virtual std::shared_ptr<SourceFolder> open(const std::string& path) = 0;
};

/// The machine's.  It has no state.
SourceTree& system_sources();

}  // namespace farkeep
