#pragma once

#include <chrono>

namespace farkeep {

/// What a clock on the wall shows, without saying in which zone.
using LocalTime = std::chrono::local_seconds;

/// The rules of one time zone.
///
/// Only the offset is asked of an implementation; what a civil time means follows from it in one place, so that the
/// system's zone and a test's zone cannot differ in the hard cases.
class TimeZone {
 public:
  virtual ~TimeZone() = default;

  /// Local time minus UTC at an instant, less than 24 hours either way.
  virtual std::chrono::seconds offset_at(std::chrono::sys_seconds instant) const = 0;

  LocalTime local_at(std::chrono::sys_seconds instant) const;

  /// The first instant at which local time has reached `local`: in the hour that a DST change skips, the first instant
  /// after the gap; in the hour that is repeated, the first of the two.
  std::chrono::sys_seconds first_instant_of(LocalTime local) const;

  /// The first instant at or after `from` and before `until` at which the offset differs from the one at `from`;
  /// `until` if there is none.  Two changes within one hour may cancel out unseen.
  std::chrono::sys_seconds next_change(std::chrono::sys_seconds from, std::chrono::sys_seconds until) const;
};

/// The zone of this process: TZ, or the machine's.  Read once, at construction.
class SystemTimeZone final : public TimeZone {
 public:
  SystemTimeZone();
  std::chrono::seconds offset_at(std::chrono::sys_seconds instant) const override;
};

}  // namespace farkeep
