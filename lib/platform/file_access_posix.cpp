#include <sys/stat.h>

#include "platform/file_access.hpp"

namespace farkeep {

bool everybody_may_read(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

std::optional<std::string> file_identity(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  return "file " + std::to_string(st.st_dev) + "." + std::to_string(st.st_ino);
}

}  // namespace farkeep
