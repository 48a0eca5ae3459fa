#include "common/exits.hpp"

namespace farkeep {

Exit worse(Exit a, Exit b) noexcept {
  static constexpr Exit kLightestFirst[] = {Exit::done, kUnheard, Exit::incomplete, Exit::busy, Exit::unreachable, Exit::quota, Exit::failed, Exit::usage, Exit::refused, Exit::alarm, Exit::interrupted};
  for (const Exit e : kLightestFirst) {
    if (e == a) return b;
    if (e == b) return a;
  }
  return a;
}

}  // namespace farkeep
