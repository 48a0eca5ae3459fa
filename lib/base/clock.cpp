#include "base/clock.hpp"

#include <cstdio>

namespace farkeep {

WallTime SystemClock::wall() const { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }
SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

std::string rfc3339(WallTime t) {
  using namespace std::chrono;
  auto const s = floor<seconds>(t);
  auto const day = floor<days>(s);
  year_month_day const ymd{day};
  hh_mm_ss const hms{s - day};
  char out[40];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                static_cast<unsigned>(ymd.day()), static_cast<int>(hms.hours().count()), static_cast<int>(hms.minutes().count()),
                static_cast<int>(hms.seconds().count()));
  return out;
}

}  // namespace farkeep
