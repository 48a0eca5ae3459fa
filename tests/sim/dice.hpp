#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>

#include "crypto/random.hpp"

namespace farkeep::sim {

/// Chance that is the same on every machine for one seed (the distributions of the standard library need not be).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t raw() { return engine_(); }
  /// 0 … n - 1.
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  /// first … last, both included.
  std::uint64_t between(std::uint64_t first, std::uint64_t last) { return first + below(last - first + 1); }
  /// [0, 1).
  double unit() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  /// Exponential: mostly shorter than the mean, sometimes much longer, at most eight times.
  std::chrono::nanoseconds around(std::chrono::nanoseconds mean) {
    double const factor = std::min(8.0, -std::log1p(-unit()));
    return std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(mean.count()) * factor)};
  }

 private:
  std::mt19937_64 engine_;
};

/// Keys and nonces of a simulation: from the seed, so that a run can be repeated to the byte.
class SimRandom final : public Random {
 public:
  explicit SimRandom(std::uint64_t seed) : dice_(seed) {}
  void fill(MutableByteView out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(dice_.raw() >> 32U);
  }

 private:
  Dice dice_;
};

}  // namespace farkeep::sim
