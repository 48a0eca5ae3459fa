#include "async/backoff.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace farkeep {

Backoff::Backoff(std::chrono::nanoseconds base, std::chrono::nanoseconds cap, Uniform uniform)
    : base_(base), cap_(cap), ceiling_(base), uniform_(std::move(uniform)) {
  FARKEEP_CHECK(base.count() > 0 && base <= cap && uniform_);
}

std::chrono::nanoseconds Backoff::next() {
  const double share = std::clamp(uniform_(), 0.0, 1.0);
  const std::chrono::nanoseconds wait{static_cast<std::int64_t>(static_cast<double>(ceiling_.count()) * share)};
  ceiling_ = ceiling_ > cap_ / 2 ? cap_ : ceiling_ * 2;
  return wait;
}

}  // namespace farkeep
