#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "config/zone.hpp"

namespace farkeep::test {

using namespace std::chrono_literals;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

/// A zone of which every change is written down.
class FakeZone final : public TimeZone {
 public:
  FakeZone(std::string zone_name, seconds first, std::vector<std::pair<sys_seconds, seconds>> changes)
      : name(std::move(zone_name)), first_(first), changes_(std::move(changes)) {}

  seconds offset_at(sys_seconds instant) const override {
    seconds offset = first_;
    for (auto const& [from, then] : changes_) {
      if (instant >= from) offset = then;
    }
    return offset;
  }

  std::string const name;

 private:
  seconds first_;
  std::vector<std::pair<sys_seconds, seconds>> changes_;
};

inline sys_seconds utc(int year, unsigned month, unsigned day, seconds time = 0s) {
  return sys_days{std::chrono::year{year} / month / day} + time;
}
inline LocalTime local(int year, unsigned month, unsigned day, seconds time = 0s) {
  return std::chrono::local_days{std::chrono::year{year} / month / day} + time;
}

/// 2028, a leap year: CET, summer time from 26 March to 29 October, both at 01:00 UTC.
inline FakeZone berlin() { return {"berlin", 1h, {{utc(2028, 3, 26, 1h), 2h}, {utc(2028, 10, 29, 1h), 1h}}}; }
/// Changes by half an hour.
inline FakeZone lord_howe() {
  return {"lord howe", 11h, {{utc(2028, 4, 1, 15h), 10h + 30min}, {utc(2028, 9, 30, 15h + 30min), 11h}}};
}
/// Changes at midnight: 26 March begins at 01:00, 29 October begins twice.
inline FakeZone beirut() { return {"beirut", 2h, {{utc(2028, 3, 25, 22h), 3h}, {utc(2028, 10, 28, 21h), 2h}}}; }
/// Moves over the date line: 15 June does not exist, and later 10 August comes twice.
inline FakeZone date_line() {
  return {"date line", -10h, {{utc(2028, 6, 15, 10h), 14h}, {utc(2028, 8, 10, 10h), -10h}}};
}
inline FakeZone odd() { return {"odd", -(3h + 30min), {{utc(2028, 5, 1, 3h + 17s), 5h + 45min}}}; }

}  // namespace farkeep::test
