#include "scratch.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "platform/disk.hpp"

namespace farkeep::testing {

Scratch::Scratch() {
  path_ = std::filesystem::temp_directory_path() / "farkeep-test-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error{"mkdtemp " + path_};
}

Scratch::~Scratch() { system_disk().remove_tree(path_); }

TinyDisk::TinyDisk(std::size_t size, const std::string& options) {
  mounted_ = ::mount("tmpfs", path().c_str(), "tmpfs", 0, ("size=" + std::to_string(size) + options).c_str()) == 0;
}

void TinyDisk::make_read_only() {
  if (::mount("tmpfs", path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) != 0) throw std::runtime_error{"remounting " + path()};
}

TinyDisk::~TinyDisk() {
  if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
}

std::string in_child(const std::function<std::string()>& what) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error{"pipe"};
  pid_t const child = ::fork();
  if (child < 0) throw std::runtime_error{"fork"};
  if (child == 0) {
    std::string said;
    try {
      said = what();
    } catch (const std::exception& e) {
      said = std::string{"exception: "} + e.what();
    }
    auto const n = ::write(ends[1], said.data(), said.size());
    ::_exit(n == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) said += " (child ended with " + std::to_string(status) + ")";
  return said;
}

std::string in_unprivileged_child(const std::function<std::string()>& what) {
  return in_child([&]() -> std::string {
    constexpr unsigned kNobody = 65534;
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0))
      return "could not become nobody";
    return what();
  });
}

bool open_to_everybody(const Scratch& folder) {
  if (::chmod(folder.path().c_str(), 0777) != 0) throw std::runtime_error{"chmod " + folder.path()};
  auto const reach = [&] { return ::access(folder.path().c_str(), W_OK) == 0 ? std::string{} : std::string{"no"}; };
  if (in_unprivileged_child(reach).empty()) return true;
  WARN("skipped: an unprivileged user cannot reach " << folder.path());
  return false;
}

void put(const std::string& path, std::string_view content) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << content;
  if (!out.flush()) throw std::runtime_error{"put " + path};
}

std::string get(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string look(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return "nothing";
  if (S_ISDIR(st.st_mode)) return "folder";
  if (S_ISFIFO(st.st_mode)) return "fifo";
  if (S_ISLNK(st.st_mode)) {
    char target[4096];
    auto const n = ::readlink(path.c_str(), target, sizeof target);
    return "->" + std::string{target, n < 0 ? 0 : static_cast<std::size_t>(n)};
  }
  return get(path);
}

bool put_xattr(const std::string& path, const std::string& name, ByteView value) {
  if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) return true;
  if (errno == ENOTSUP) return false;
  throw std::runtime_error{"setxattr " + name};
}

Buffer example_acl() {
  return {2,  0, 0, 0,                         // version
          1,  0, 7, 0, 255,  255,  255, 255,   // owner rwx
          2,  0, 6, 0, 0xe1, 0x10, 0,   0,     // user 4321 rw-
          4,  0, 4, 0, 255,  255,  255, 255,   // group r--
          16, 0, 6, 0, 255,  255,  255, 255,   // mask rw-
          32, 0, 0, 0, 255,  255,  255, 255};  // others ---
}

}  // namespace farkeep::testing
