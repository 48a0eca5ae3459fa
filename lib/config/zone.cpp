#include "config/zone.hpp"

#include <algorithm>

namespace farkeep {

using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {
constexpr hours kWidest{24};  // no offset is larger
}

LocalTime TimeZone::local_at(sys_seconds instant) const {
  return LocalTime{instant.time_since_epoch() + offset_at(instant)};
}

// Between two changes local time runs straight: look at the straight pieces in turn, from before the local time can
// have been reached anywhere on earth until after it must have been.
sys_seconds TimeZone::first_instant_of(LocalTime local) const {
  sys_seconds const middle{local.time_since_epoch()};
  sys_seconds const end = middle + kWidest;
  sys_seconds from = middle - kWidest;
  while (from < end) {
    sys_seconds const until = next_change(from, end);
    sys_seconds const reached = std::max(from, middle - offset_at(from));
    if (reached < until) return reached;
    from = until;
  }
  return end;
}

// Earlier than two widest offsets ago every clock showed less than `instant` shows now.
LocalTime TimeZone::furthest_by(sys_seconds instant) const {
  LocalTime furthest = local_at(instant);
  for (sys_seconds from = instant - 2 * kWidest; from < instant;) {
    sys_seconds const until = next_change(from, instant);
    furthest = std::max(furthest, LocalTime{(until - seconds{1}).time_since_epoch() + offset_at(from)});
    from = until;
  }
  return furthest;
}

sys_seconds TimeZone::next_change(sys_seconds from, sys_seconds until) const {
  seconds const offset = offset_at(from);
  for (sys_seconds same = from; same < until;) {
    sys_seconds other = std::min(same + hours{1}, until);
    if (offset_at(other) == offset) {
      same = other;
      continue;
    }
    while (other - same > seconds{1}) {
      sys_seconds const half = same + (other - same) / 2;
      (offset_at(half) == offset ? same : other) = half;
    }
    return other;
  }
  return until;
}

}  // namespace farkeep
