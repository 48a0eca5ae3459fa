#include <sys/stat.h>

#include "platform/file_access.hpp"

namespace farkeep {

bool everybody_may_read(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

}  // namespace farkeep
