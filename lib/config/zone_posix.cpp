#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "config/zone.hpp"

namespace farkeep {

SystemTimeZone::SystemTimeZone() { look_again(); }

void SystemTimeZone::look_again() const { ::tzset(); }

std::chrono::seconds SystemTimeZone::offset_at(std::chrono::sys_seconds instant) const {
  ::time_t const t = static_cast<::time_t>(instant.time_since_epoch().count());
  ::tm local{};
  // Only a year beyond the range of int can fail: there is no rule for it, so it counts as UTC.
  if (::localtime_r(&t, &local) == nullptr) return std::chrono::seconds{0};
  return std::chrono::seconds{local.tm_gmtoff};
}

std::vector<std::string> known_time_zones() {
  namespace fs = std::filesystem;
  const char* const set = std::getenv("TZDIR");
  std::string const root = set != nullptr ? set : "/usr/share/zoneinfo";
  std::vector<std::string> out;
  std::error_code failed;  // what cannot be read has no names
  for (fs::recursive_directory_iterator at{root, failed}, end; !failed && at != end; at.increment(failed)) {
    std::string_view const path = at->path().native(), name = path.substr(path.rfind('/') + 1);
    // Zones and their folders begin with a capital; posix/ and right/ hold all of them again, and tables have a dot.
    bool const listed = name[0] >= 'A' && name[0] <= 'Z' && name.find('.') == name.npos;
    if (at->is_directory(failed)) {
      if (!listed) at.disable_recursion_pending();
    } else if (listed) {
      out.emplace_back(path.substr(root.size() + (root.ends_with('/') ? 0 : 1)));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace farkeep
