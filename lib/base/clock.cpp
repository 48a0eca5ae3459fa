#include "base/clock.hpp"

#include <cstdio>

namespace farkeep {

WallTime SystemClock::wall() const { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); }
SteadyTime SystemClock::steady() const { return std::chrono::steady_clock::now(); }

namespace {

// Howard Hinnant's civil_from_days, which <chrono> has for years of 16 bits only.
struct Day {
  std::int64_t year;
  unsigned month, day;
};
Day day_of(std::int64_t days) {
  days += 719'468;  // since 1 March of the year 0
  std::int64_t const era = (days >= 0 ? days : days - 146'096) / 146'097;
  auto const in_era = static_cast<unsigned>(days - era * 146'097);
  unsigned const year = (in_era - in_era / 1460 + in_era / 36'524 - in_era / 146'096) / 365;
  unsigned const in_year = in_era - (365 * year + year / 4 - year / 100);
  unsigned const shifted = (5 * in_year + 2) / 153;
  unsigned const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {std::int64_t{year} + era * 400 + (month <= 2 ? 1 : 0), month, in_year - (153 * shifted + 2) / 5 + 1};
}

}  // namespace

std::string rfc3339_of(std::int64_t seconds) {
  constexpr std::int64_t kDay = 86'400;
  std::int64_t const rest = (seconds % kDay + kDay) % kDay;
  Day const d = day_of(seconds / kDay - (seconds % kDay < 0 ? 1 : 0));
  char out[64];
  std::snprintf(out, sizeof out, d.year >= 0 && d.year <= 9999 ? "%04lld-%02u-%02uT%02d:%02d:%02dZ" : "%+05lld-%02u-%02uT%02d:%02d:%02dZ", static_cast<long long>(d.year), d.month, d.day,
                static_cast<int>(rest / 3600), static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  return out;
}

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
