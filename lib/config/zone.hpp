#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.hpp"

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

  /// The latest local time that was shown up to and including `instant`: local_at(), or more where the clock went back
  /// in the last two days.  A civil time is still to come exactly when it is later than this.
  LocalTime furthest_by(std::chrono::sys_seconds instant) const;

  /// The first instant at or after `from` and before `until` at which the offset differs from the one at `from`;
  /// `until` if there is none.  Two changes within one hour may cancel out unseen.
  std::chrono::sys_seconds next_change(std::chrono::sys_seconds from, std::chrono::sys_seconds until) const;
};

/// The zone of this process: TZ, or the machine's.  Read at construction, and by look_again(); all objects are one.
class SystemTimeZone final : public TimeZone {
 public:
  SystemTimeZone();
  /// The machine may be in another one now.
  void look_again() const;
  std::chrono::seconds offset_at(std::chrono::sys_seconds instant) const override;
};

/// A zone of the IANA time zone database, by its name: Europe/Berlin, UTC.  Cheap to copy.
///
/// The rules are the machine's (/usr/share/zoneinfo, or TZDIR), read once at the first parse() of a name and kept until
/// the process ends.  They reach beyond the last change that is written down: the files' closing rule (RFC 8536, the
/// footer) goes on for ever.  Only UTC needs no file.
class NamedTimeZone final : public TimeZone {
 public:
  /// Names as the database spells them, UTC in any case.  The one Value that looks something up: whether the machine
  /// knows the zone.  Never opens a file outside the database.
  static Value<NamedTimeZone> parse(std::string_view name);

  std::chrono::seconds offset_at(std::chrono::sys_seconds instant) const override;
  const std::string& name() const { return name_; }

  bool operator==(const NamedTimeZone& other) const { return name_ == other.name_; }

 private:
  struct Rules;
  NamedTimeZone(std::string name, std::shared_ptr<const Rules> rules);

  std::string name_;
  std::shared_ptr<const Rules> rules_;
};

/// Names of the zones that the machine knows, sorted; for hints.  Empty if it has no database.
std::vector<std::string> known_time_zones();

}  // namespace farkeep
