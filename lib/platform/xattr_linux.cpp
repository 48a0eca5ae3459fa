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
    if (size == 0) return {};  // by now; and with no room the call would tell a size once more, not names
    if (static_cast<std::size_t>(size) > limits::kMaxXattrBytes)
      throw failure(Errc::too_large, "listing extended attributes of " + printable(shown_));
    large.resize(static_cast<std::size_t>(size));
    size = list(large.data(), large.size());
    if (size >= 0) return split(large.data(), size);
  }
  if (unsupported(errno)) return {};
  throw_errno(errno, "listing extended attributes of " + printable(shown_));
}

namespace {

constexpr std::size_t kLostNamed = 3;

// What could not be read, in words; a list of any length in a few.
class LostAttributes {
 public:
  void add(const std::string& name, const std::string& why) {
    if (count_++ < kLostNamed) text_ += (text_.empty() ? "" : ", ") + printable(name) + ": " + why;
  }
  std::string text() const { return count_ <= kLostNamed ? text_ : text_ + ", and " + std::to_string(count_ - kLostNamed) + " more"; }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

std::string reason(int error) { return boost::system::error_code(error, boost::system::system_category()).message(); }

}  // namespace

// 0, or an error number; E2BIG: it has more bytes than `most`.
int XattrPlace::read_value(const std::string& name, std::size_t most, Buffer& value) const {
  std::uint8_t small[kFirstTry];
  long size = get(name.c_str(), small, sizeof small);
  if (size >= 0 && static_cast<std::size_t>(size) > most) return E2BIG;
  if (size >= 0) value.assign(small, small + size);
  for (int i = 0; i < kTries && size < 0 && errno == ERANGE; ++i) {
    size = get(name.c_str(), nullptr, 0);
    if (size < 0) break;
    if (size == 0) {
      value.clear();
      return 0;
    }
    if (static_cast<std::size_t>(size) > most) return E2BIG;
    value.resize(static_cast<std::size_t>(size));
    size = get(name.c_str(), value.data(), value.size());
    if (size >= 0) value.resize(static_cast<std::size_t>(size));
  }
  return size < 0 ? errno : 0;
}

// One that cannot be had costs itself alone.
Xattrs XattrPlace::read() const {
  Xattrs out;
  std::vector<std::string> listed;
  try {
    listed = names();
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::not_found) throw;
    out.lost = "all of them: " + f.code().message();
    return out;
  }
  LostAttributes lost;
  std::size_t left = limits::kMaxXattrBytes;
  for (std::string& name : listed) {
    if (name.empty()) continue;  // no attribute has such a name, whatever a file system lists
    Buffer value;
    int const error = name.size() > left ? E2BIG : read_value(name, left - name.size(), value);
    if (error == ENODATA || unsupported(error)) continue;  // gone since it was listed, or one that this process may list and not read (trusted.*)
    if (error != 0) {
      lost.add(name, error == E2BIG ? "an entry takes attributes of " + std::to_string(limits::kMaxXattrBytes / limits::kKiB) + " KiB in all" : reason(error));
      continue;
    }
    left -= name.size() + value.size();
    out.kept.push_back({std::move(name), std::move(value)});
  }
  out.lost = lost.text();
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
