#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.hpp"
#include "platform/descriptor.hpp"
#include "platform/io_posix.hpp"
#include "platform/printable.hpp"

namespace farkeep {

int Descriptor::close() noexcept {
  // Never repeated after EINTR: on Linux the number is free by then and may be somebody else's.
  int const number = std::exchange(number_, -1);
  return number < 0 || ::close(number) == 0 || errno == EINTR ? 0 : errno;
}

namespace posix {

std::int64_t read_fully(int from, std::uint64_t offset, MutableByteView into) {
  std::size_t done = 0;
  while (done < into.size()) {
    auto const n = again_if_interrupted(
        [&] { return ::pread(from, into.data() + done, into.size() - done, static_cast<off_t>(offset + done)); });
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return static_cast<std::int64_t>(done);
}

void write_all(int to, ByteView bytes, const std::string& doing) {
  while (!bytes.empty()) {
    auto const n = again_if_interrupted([&] { return ::write(to, bytes.data(), bytes.size()); });
    if (n < 0) throw_errno(errno, doing);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

bool write_fully(int to, std::uint64_t offset, ByteView bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    auto const n = again_if_interrupted(
        [&] { return ::pwrite(to, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done)); });
    if (n < 0) return false;
    if (n == 0) {  // a regular file never does this; a loop for ever would be worse than an error
      errno = EIO;
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

bool rename_new(int from_folder, const char* from, int to_folder, const char* to, Method method) {
  auto const fail = [&] { throw_errno(errno, "renaming " + printable(from) + " to " + printable(to)); };
  if (method == Method::best) {
    if (::renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST) return false;
    if (errno != EINVAL && errno != ENOSYS) fail();
  }
  if (::linkat(from_folder, from, to_folder, to, 0) != 0) {
    if (errno == EEXIST) return false;
    fail();
  }
  if (::unlinkat(from_folder, from, 0) != 0) fail();
  return true;
}

}  // namespace posix
}  // namespace farkeep
