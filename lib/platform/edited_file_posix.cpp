#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/error.hpp"
#include "platform/descriptor.hpp"
#include "platform/edited_file.hpp"
#include "platform/io_posix.hpp"

namespace farkeep {
namespace {

// Removes the file unless it got its final name.
struct NewFile {
  explicit NewFile(std::string p) : path(std::move(p)) {}
  ~NewFile() {
    if (!path.empty()) ::unlink(path.c_str());
  }
  std::string path;
};

}  // namespace

// 1. where the file really is  2. a new one beside it, with its owner and mode  3. rename, and make the name durable
void replace_edited_file(const std::string& path, ByteView bytes) {
  std::string const doing = "writing " + path;
  std::unique_ptr<char, void (*)(void*)> const found{::realpath(path.c_str(), nullptr), &::free};
  if (!found) throw_errno(errno, doing);
  std::string const real = found.get();
  struct stat before {};
  if (::stat(real.c_str(), &before) != 0) throw_errno(errno, doing);

  std::string name = real + ".XXXXXX";
  Descriptor file{::mkostemp(name.data(), O_CLOEXEC)};
  if (!file) throw_errno(errno, doing);
  NewFile unfinished{name};
  // Who may not give a file away must not lose its owner's right to read it either.
  if (::fchown(file.get(), before.st_uid, before.st_gid) != 0) throw_errno(errno, doing + " with its owner");
  if (::fchmod(file.get(), before.st_mode & 07777U) != 0) throw_errno(errno, doing);
  posix::write_all(file.get(), bytes, doing);
  if (::fsync(file.get()) != 0) throw_errno(errno, doing);
  if (::rename(name.c_str(), real.c_str()) != 0) throw_errno(errno, doing);
  unfinished.path.clear();
  std::string const folder = real.substr(0, real.rfind('/') + 1);
  Descriptor at{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!at || ::fsync(at.get()) != 0) throw_errno(errno, doing);
}

void publish_file(const std::string& path, ByteView bytes) {
  std::string const doing = "writing " + path;
  std::string name = path + ".XXXXXX";
  Descriptor file{::mkostemp(name.data(), O_CLOEXEC)};
  if (!file) throw_errno(errno, doing);
  NewFile unfinished{name};
  if (::fchmod(file.get(), 0644) != 0) throw_errno(errno, doing);
  posix::write_all(file.get(), bytes, doing);
  if (file.close() != 0) throw_errno(errno, doing);
  if (::rename(name.c_str(), path.c_str()) != 0) throw_errno(errno, doing);
  unfinished.path.clear();
}

}  // namespace farkeep
