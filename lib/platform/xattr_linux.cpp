#include "platform/xattr_linux.hpp"

#include <sys/xattr.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "platform/printable.hpp"

namespace farkeep::posix {
namespace {

constexpr std::size_t kFirstTry = 1024;  // on the stack: most entries have none, nearly all fit
constexpr int kTries = 8;                // attributes that grow faster than we read are somebody's game

bool unsupported(int error) { return error == ENOTSUP || error == EOPNOTSUPP; }

}  // namespace

std::string path_of(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

XattrPlace::XattrPlace(By by, int file, std::string path, const std::string& shown)
    : by_(by), file_(file), path_(std::move(path)), shown_(shown) {}

XattrPlace XattrPlace::of(int file, const std::string& shown) { return {By::descriptor, file, {}, shown}; }
XattrPlace XattrPlace::of_path_only(int file, const std::string& shown) {
  return {By::followed_path, -1, path_of(file), shown};
}
XattrPlace XattrPlace::in(int folder, const std::string& name) {
  return {By::path, -1, path_of(folder) + '/' + name, name};
}

std::vector<std::string> XattrPlace::names() const {
  auto const split = [](const char* text, long size) {
    std::vector<std::string> out;
    for (const char *at = text, *end = text + size; at < end; at += out.back().size() + 1) out.emplace_back(at);
    return out;
  };
  char small[kFirstTry];
  long size = list(small, sizeof small);
  if (size >= 0) return split(small, size);
  std::string large;
  for (int i = 0; i < kTries && errno == ERANGE; ++i) {
    size = list(nullptr, 0);
    if (size < 0) break;
    if (static_cast<std::size_t>(size) > limits::kMaxXattrBytes)
      throw failure(Errc::too_large, "listing extended attributes of " + printable(shown_));
    large.resize(static_cast<std::size_t>(size));
    size = list(large.data(), large.size());
    if (size >= 0) return split(large.data(), size);
  }
  if (unsupported(errno)) return {};
  throw_errno(errno, "listing extended attributes of " + printable(shown_));
}

std::vector<Xattr> XattrPlace::read() const {
  std::vector<Xattr> out;
  std::size_t total = 0;
  for (std::string& name : names()) {
    auto const doing = [&] { return "reading extended attribute " + printable(name) + " of " + printable(shown_); };
    std::uint8_t small[kFirstTry];
    Buffer value;
    long size = get(name.c_str(), small, sizeof small);
    if (size >= 0) value.assign(small, small + size);
    for (int i = 0; i < kTries && size < 0 && errno == ERANGE; ++i) {
      size = get(name.c_str(), nullptr, 0);
      if (size < 0) break;
      if (static_cast<std::size_t>(size) > limits::kMaxXattrBytes) throw failure(Errc::too_large, doing());
      value.resize(static_cast<std::size_t>(size));
      size = get(name.c_str(), value.data(), value.size());
      if (size >= 0) value.resize(static_cast<std::size_t>(size));
    }
    if (size < 0) {
      // Gone since it was listed, or one that this process may list and not read (trusted.*).
      if (errno == ENODATA || unsupported(errno)) continue;
      throw_errno(errno, doing());
    }
    total += name.size() + value.size();
    if (total > limits::kMaxXattrBytes) throw failure(Errc::too_large, doing());
    out.push_back({std::move(name), std::move(value)});
  }
  return out;
}

bool XattrPlace::set(const Xattr& x) const {
  switch (by_) {
    case By::descriptor:
      return ::fsetxattr(file_, x.name.c_str(), x.value.data(), x.value.size(), 0) == 0;
    case By::followed_path:
      return ::setxattr(path_.c_str(), x.name.c_str(), x.value.data(), x.value.size(), 0) == 0;
    case By::path:
      return ::lsetxattr(path_.c_str(), x.name.c_str(), x.value.data(), x.value.size(), 0) == 0;
  }
  return false;
}

bool XattrPlace::remove(const std::string& name) const {
  switch (by_) {
    case By::descriptor:
      return ::fremovexattr(file_, name.c_str()) == 0;
    case By::followed_path:
      return ::removexattr(path_.c_str(), name.c_str()) == 0;
    case By::path:
      return ::lremovexattr(path_.c_str(), name.c_str()) == 0;
  }
  return false;
}

long XattrPlace::list(char* into, std::size_t size) const {
  switch (by_) {
    case By::descriptor:
      return ::flistxattr(file_, into, size);
    case By::followed_path:
      return ::listxattr(path_.c_str(), into, size);
    case By::path:
      return ::llistxattr(path_.c_str(), into, size);
  }
  return -1;
}

long XattrPlace::get(const char* name, void* into, std::size_t size) const {
  switch (by_) {
    case By::descriptor:
      return ::fgetxattr(file_, name, into, size);
    case By::followed_path:
      return ::getxattr(path_.c_str(), name, into, size);
    case By::path:
      return ::lgetxattr(path_.c_str(), name, into, size);
  }
  return -1;
}

}  // namespace farkeep::posix
