#include <time.h>

#include "config/zone.hpp"

namespace farkeep {

SystemTimeZone::SystemTimeZone() { ::tzset(); }

std::chrono::seconds SystemTimeZone::offset_at(std::chrono::sys_seconds instant) const {
  ::time_t const t = static_cast<::time_t>(instant.time_since_epoch().count());
  ::tm local{};
  // Only a year beyond the range of int can fail: there is no rule for it, so it counts as UTC.
  if (::localtime_r(&t, &local) == nullptr) return std::chrono::seconds{0};
  return std::chrono::seconds{local.tm_gmtoff};
}

}  // namespace farkeep
