#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "platform/descriptor.hpp"
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
  /// From where the last read ended, until `into` is full or the file ends; the bytes read.
  std::size_t read(MutableByteView into);
  /// The next read starts here: to step over a hole.
  void skip_to(std::uint64_t offset) { offset_ = offset; }
  /// As of now; comparing it with what stat said before reading tells whether the file changed meanwhile.
  EntryStat stat() const;
  /// Where data lies now, ascending, disjoint, within the present size; the whole file where the file system cannot
  /// tell.
  std::vector<DataRange> data_ranges() const;
  /// In the system's order.
  std::vector<Xattr> xattrs() const;

 private:
  friend class SourceFolder;
  SourceFile(Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  Descriptor file_;
  std::string name_;
  std::uint64_t offset_ = 0;
};

/// A name in a folder with its lstat, or the reason why there is none.
struct SourceName {
  std::string name;
  EntryStat stat;
  boost::system::error_code error;
};

/// An open folder; it costs one descriptor while it lives (see raise_descriptor_limit in process.hpp).
/// entries() by one thread at a time; the rest by any number.
class SourceFolder {
 public:
  /// Symlinks above the last component are followed, for that is how the administrator named the place; the last one is
  /// not.  `path` is absolute, of any length.
  static std::shared_ptr<SourceFolder> open(const std::string& path);

  /// All names but . and .., sorted as bytes.
  std::vector<SourceName> entries() const;
  std::shared_ptr<SourceFolder> folder(const std::string& name) const;
  /// Refuses what is not a regular file.
  std::unique_ptr<SourceFile> file(const std::string& name) const;
  std::string link_target(const std::string& name) const;
  /// Of an entry of any kind, in the system's order; too_large beyond limits::kMaxXattrBytes.  Goes through /proc: of a
  /// file that is opened anyway, SourceFile::xattrs() costs a tenth.
  std::vector<Xattr> xattrs(const std::string& name) const;
  EntryStat stat(const std::string& name) const;

  /// The folder's own.
  EntryStat stat() const;
  std::vector<Xattr> xattrs() const;

 private:
  SourceFolder(Descriptor folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}

  Descriptor folder_;
  std::string name_;  // for messages: as it was given to open() or folder()
};

}  // namespace farkeep
