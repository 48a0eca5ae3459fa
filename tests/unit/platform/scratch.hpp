#pragma once

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace farkeep::testing {

/// A new folder under $TMPDIR; removed with all that is in it.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

/// A file system of `size` bytes at a new folder; mounted() is false where the process may not mount.
class TinyDisk {
 public:
  explicit TinyDisk(std::size_t size, const std::string& options = {});
  ~TinyDisk();
  bool mounted() const { return mounted_; }
  void make_read_only();
  std::string at(const std::string& name) const { return scratch_.at(name); }
  const std::string& path() const { return scratch_.path(); }

 private:
  Scratch scratch_;
  bool mounted_ = false;
};

/// Runs it in a child process; the text it returns (empty: fine), the text of its exception, or how it died.
std::string in_child(const std::function<std::string()>& what);
/// The same without privilege: as nobody when we are root.
std::string in_unprivileged_child(const std::function<std::string()>& what);

/// For tests with in_unprivileged_child: gives everybody all rights to the folder.  False, with a warning in the test's
/// output, when $TMPDIR lies where others cannot reach it.
bool open_to_everybody(const Scratch& folder);

void put(const std::string& path, std::string_view content);
std::string get(const std::string& path);
/// "content", or "->target", "fifo", "folder", "nothing".
std::string look(const std::string& path);
/// False where the file system has no such attributes.
bool put_xattr(const std::string& path, const std::string& name, ByteView value);

/// u::rwx, u:4321:rw-, g::r--, m::rw-, o::--- in the kernel's form: what mode 0760 with that ACL shows.
Buffer example_acl();

/// The same as a failed check in a child: the first condition that does not hold, by its text.
#define CHILD_CHECK(condition)                        \
  do {                                                \
    if (!(condition)) return std::string{#condition}; \
  } while (false)

}  // namespace farkeep::testing
