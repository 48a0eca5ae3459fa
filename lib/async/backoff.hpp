#pragma once

#include <chrono>
#include <functional>

namespace farkeep {

/// How long to wait before trying again: full jitter, uniform in [0, min(cap, base * 2^n)) after n failures.
/// Jitter over the whole range, so that a fleet that lost the same server does not come back in waves
/// (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).  Pure: no clock, no random source of its
/// own.
class Backoff {
 public:
  using Uniform = std::function<double()>;  ///< the next number in [0, 1)

  /// 0 < base <= cap.
  Backoff(std::chrono::nanoseconds base, std::chrono::nanoseconds cap, Uniform uniform);

  /// The wait after one more failure.
  std::chrono::nanoseconds next();
  /// After a success.
  void reset() noexcept { ceiling_ = base_; }

 private:
  std::chrono::nanoseconds base_, cap_, ceiling_;
  Uniform uniform_;
};

}  // namespace farkeep
