#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace farkeep {

/// The seam between the program's own files (stores, journals, caches, keys) and the machine's disk.  Abstract so that
/// a simulated disk can lose what was not synced and tear what was; whatever must survive a crash is written against
/// it. (The customer's files are read and restored through source_tree.hpp and target_tree.hpp, not through this.)
///
/// All calls block: they belong on a worker thread.  Interrupted and short system calls are repeated inside.
/// Everything throws failure, saying what was done to which path: no_space, not_found, exists, or the system's code.

/// One open file.  Many read_at() may run at once, beside one writer (append, write_at, truncate, sync).
/// What was written survives a power loss only after sync() returned.
class DiskFile {
 public:
  virtual ~DiskFile() = default;  ///< closes; syncs nothing
  /// Fills `into` from `offset` on; returns the bytes read: fewer only where the file ends.
  virtual std::size_t read_at(std::uint64_t offset, MutableByteView into) = 0;
  /// Writes behind the last byte (as of opening and of this object's own writes: a file has one writer).
  /// After a failure the file has its former length again, unless the disk refuses that too.
  virtual void append(ByteView bytes) = 0;
  virtual void write_at(std::uint64_t offset, ByteView bytes) = 0;
  virtual void truncate(std::uint64_t size) = 0;
  /// Makes content and length durable (fdatasync).  After a failed sync nobody knows what the disk holds, and asking
  /// again would answer "fine" for pages that were dropped: so it is never repeated, and the object refuses every
  /// further call.  Open the file anew and check what it holds.
  virtual void sync() = 0;
  virtual std::uint64_t size() const = 0;
};

/// Held until it goes; released by the system when the process dies.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

enum class Open {
  read,        ///< must exist
  create_new,  ///< must not exist; for reading and writing
  read_write,  ///< created when missing
};

/// What has a name, through symlinks.
struct What {
  enum class Kind {
    nothing,  ///< also: a symlink that leads nowhere
    file,
    folder,
    other,  ///< a pipe, a socket, a device
  };
  Kind kind = Kind::nothing;
  std::uint64_t size = 0;  ///< of a file
};

/// Names in a file system.  Safe from many threads.  A change of names survives a power loss after sync_folder() of the
/// folder (of both folders, for a rename across).
class Disk {
 public:
  virtual ~Disk() = default;
  /// New files have mode 0600.  What root makes in another user's folder belongs to that user, and root writes there through no symlink.
  virtual std::unique_ptr<DiskFile> open(const std::string& path, Open how) = 0;
  /// Atomic; replaces a file `to`.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  /// Atomic; false, and nothing changed, when `to` exists.  For files.
  virtual bool rename_new(const std::string& from, const std::string& to) = 0;
  /// Removes a file.  One that is not there is no error: the promise is that it is gone.
  virtual void remove(const std::string& path) = 0;
  /// Makes a folder (mode 0700) and the missing ones above it, and syncs the parents of what it made.
  virtual void make_folders(const std::string& path) = 0;
  virtual void sync_folder(const std::string& path) = 0;
  /// The names in a folder, sorted as bytes, without . and ..; empty when there is no such folder.
  virtual std::vector<std::string> list(const std::string& folder) = 0;
  /// Whether anything has this name (a dangling symlink is something).
  virtual bool exists(const std::string& path) = 0;
  virtual What what_is(const std::string& path) = 0;
  /// Removes a folder and all below it, following nothing; a file or nothing at all is fine too.
  virtual void remove_tree(const std::string& path) = 0;
  /// Takes the lock file (made when missing, never removed); null when somebody else holds it, in this process or
  /// another.
  virtual std::unique_ptr<DiskLock> lock(const std::string& path) = 0;
  /// What an unprivileged writer may still use on the file system of `path`; nothing while that is read only.  Where new files (inodes) run out before the bytes, each
  /// counts kBytesPerFile, or as much as the file system has for each of its own.
  static constexpr std::uint64_t kBytesPerFile = 256 * 1024;
  virtual std::uint64_t free_bytes(const std::string& path) = 0;
};

/// The machine's disk.  It has no state.
Disk& system_disk();

}  // namespace farkeep
