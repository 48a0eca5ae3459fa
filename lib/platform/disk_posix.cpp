#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/error.hpp"
#include "platform/descriptor.hpp"
#include "platform/disk.hpp"
#include "platform/disk_size.hpp"
#include "platform/folder_posix.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

class SystemFile final : public DiskFile {
 public:
  SystemFile(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)), end_(size()) {}

  std::size_t read_at(std::uint64_t offset, MutableByteView into) override {
    refuse_if_broken("reading");
    auto const n = posix::read_fully(file_.get(), offset, into);
    if (n < 0) fail("reading");
    return static_cast<std::size_t>(n);
  }

  void append(ByteView bytes) override {
    refuse_if_broken("appending to");
    if (!posix::write_fully(file_.get(), end_, bytes)) {
      int const cause = errno;
      // Best effort: the caller hears of the first failure, and half a record behind the end helps nobody.
      [[maybe_unused]] int const cut = ::ftruncate(file_.get(), static_cast<off_t>(end_));
      throw_errno(cause, "appending to " + printable(path_));
    }
    end_ += bytes.size();
  }

  void write_at(std::uint64_t offset, ByteView bytes) override {
    refuse_if_broken("writing");
    if (!posix::write_fully(file_.get(), offset, bytes)) fail("writing");
    end_ = std::max(end_, offset + bytes.size());
  }

  void truncate(std::uint64_t size) override {
    refuse_if_broken("truncating");
    auto const cut = [&] { return ::ftruncate(file_.get(), static_cast<off_t>(size)); };
    if (posix::again_if_interrupted(cut) != 0) fail("truncating");
    end_ = size;
  }

  void sync() override {
    refuse_if_broken("syncing");
    // Not repeated even after EINTR: the error state of the file may be gone by then.
    if (::fdatasync(file_.get()) == 0) return;
    int const cause = errno;
    broken_ = true;
    throw_errno(cause, "syncing " + printable(path_));
  }

  std::uint64_t size() const override {
    refuse_if_broken("asking the size of");
    struct stat st;
    if (::fstat(file_.get(), &st) != 0) fail("asking the size of");
    return static_cast<std::uint64_t>(st.st_size);
  }

 private:
  [[noreturn]] void fail(const char* doing) const { throw_errno(errno, std::string{doing} + ' ' + printable(path_)); }
  void refuse_if_broken(const char* doing) const {
    if (broken_) throw failure(Errc::io, std::string{doing} + ' ' + printable(path_) + " after a sync of it failed");
  }

  Descriptor file_;
  std::string path_;
  std::atomic<bool> broken_ = false;
  std::uint64_t end_;  // where append() writes: the one writer's
};

class SystemLock final : public DiskLock {
 public:
  explicit SystemLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;
};

int flags_for(Open how) {
  switch (how) {
    case Open::read:
      return O_RDONLY;
    case Open::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
    case Open::read_write:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

struct statvfs file_system(const std::string& path) {
  struct statvfs st;
  auto const ask = [&] { return ::statvfs(path.c_str(), &st); };
  if (posix::again_if_interrupted(ask) != 0) throw_errno(errno, "asking for the space at " + printable(path));
  return st;
}

What kind_of(const struct stat& st) {
  if (S_ISREG(st.st_mode)) return {What::Kind::file, static_cast<std::uint64_t>(st.st_size)};
  return {S_ISDIR(st.st_mode) ? What::Kind::folder : What::Kind::other, 0};
}

class SystemDisk final : public Disk {
 public:
  std::unique_ptr<DiskFile> open(const std::string& path, Open how) override {
    return std::make_unique<SystemFile>(open_file(path, flags_for(how), "opening"), path);
  }

  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      throw_errno(errno, "renaming " + printable(from) + " to " + printable(to));
  }

  bool rename_new(const std::string& from, const std::string& to) override {
    return posix::rename_new(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str());
  }

  void remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw_errno(errno, "removing " + printable(path));
  }

  void make_folders(const std::string& path) override { posix::make_folders(path); }
  void sync_folder(const std::string& path) override { posix::sync_folder(path); }
  std::vector<std::string> list(const std::string& folder) override { return posix::list_folder(folder); }
  void remove_tree(const std::string& path) override { posix::remove_tree(path); }

  bool exists(const std::string& path) override {
    struct stat st;
    if (::lstat(path.c_str(), &st) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    throw_errno(errno, "looking for " + printable(path));
  }

  What what_is(const std::string& path) override {
    struct stat st;
    if (::stat(path.c_str(), &st) == 0) return kind_of(st);
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return {};
    throw_errno(errno, "looking at " + printable(path));
  }

  std::unique_ptr<DiskLock> lock(const std::string& path) override {
    Descriptor file = posix::open_for(path, O_RDWR | O_CREAT);
    // What a failing disk holds can still be read, by one process as before.
    if (!file && errno == EROFS) file = posix::open_for(path, O_RDONLY);
    if (!file) throw_errno(errno, "locking " + printable(path));
    auto const take = [&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); };
    if (posix::again_if_interrupted(take) == 0) return std::make_unique<SystemLock>(std::move(file));
    if (errno == EWOULDBLOCK) return nullptr;
    throw_errno(errno, "locking " + printable(path));
  }

  std::uint64_t free_bytes(const std::string& path) override {
    auto const st = file_system(path);
    if ((st.f_flag & ST_RDONLY) != 0) return 0;
    auto const bytes = static_cast<std::uint64_t>(st.f_bavail) * st.f_frsize;
    return room_in_files(bytes, static_cast<std::uint64_t>(st.f_blocks) * st.f_frsize, st.f_favail, st.f_files);
  }

 private:
  // A pipe in the place of a file would be waited for without an end, and nothing in it has a place to be read from.
  static Descriptor open_file(const std::string& path, int flags, const char* doing) {
    Descriptor file = posix::open_for(path, flags | O_NONBLOCK);
    if (!file) throw_errno(errno, std::string{doing} + ' ' + printable(path));
    struct stat st;
    if (::fstat(file.get(), &st) != 0) throw_errno(errno, std::string{doing} + ' ' + printable(path));
    if (S_ISFIFO(st.st_mode)) throw failure(Errc::io, std::string{doing} + ' ' + printable(path) + ": it is a pipe, not a file");
    return file;
  }
};

}  // namespace

std::uint64_t room_in_files(std::uint64_t bytes, std::uint64_t all_bytes, std::uint64_t files, std::uint64_t all_files) noexcept {
  if (all_files == 0 || files > all_files) return bytes;
  auto const each = std::min(static_cast<double>(Disk::kBytesPerFile), static_cast<double>(all_bytes) / static_cast<double>(all_files));
  return std::min(bytes, static_cast<std::uint64_t>(static_cast<double>(files) * each));  // no more than all_bytes
}

std::uint64_t disk_size(const std::string& path) {
  auto const st = file_system(path);
  return static_cast<std::uint64_t>(st.f_blocks) * st.f_frsize;
}

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

}  // namespace farkeep
