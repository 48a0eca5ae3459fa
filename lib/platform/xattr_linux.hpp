#pragma once

#include <span>
#include <string>
#include <vector>

#include "platform/entry_meta.hpp"

// For the bodies of this folder only.
namespace farkeep::posix {

/// The extended attributes of one entry.  Cheap to make; what it was made from outlives it.
/// Where there is no descriptor that may carry attribute calls, the entry is reached through /proc/self/fd: Linux has
/// had calls relative to a folder only since 6.13.
class XattrPlace {
 public:
  static XattrPlace of(int file, const std::string& shown);
  static XattrPlace of_path_only(int file, const std::string& shown);  ///< a descriptor opened with O_PATH
  static XattrPlace in(int folder, const std::string& name);           ///< not followed: a symlink's own attributes

  /// All that can be read, as many as limits::kMaxXattrBytes hold with their names; none where they are not supported.
  /// Throws failure only when there is no such entry: not_found.
  Xattrs read() const;
  /// The names alone, in the system's order.  Throws failure: too_large beyond that limit.
  std::vector<std::string> names() const;
  /// False with errno.
  bool set(const Xattr& x) const;
  bool remove(const std::string& name) const;

 private:
  enum class By { descriptor, followed_path, path };
  XattrPlace(By by, int file, std::string path, const std::string& shown);
  long list(char* into, std::size_t size) const;
  long get(const char* name, void* into, std::size_t size) const;
  int read_value(const std::string& name, std::size_t most, Buffer& value) const;

  By by_;
  int file_;
  std::string path_;
  const std::string& shown_;
};

/// A path by which an open descriptor, also an O_PATH one, can be named in calls that take no descriptor.
std::string path_of(int descriptor);

}  // namespace farkeep::posix
