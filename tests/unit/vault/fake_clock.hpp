#pragma once

#include "base/clock.hpp"

/// Stands still until it is told to go on.
class FakeClock final : public farkeep::Clock {
 public:
  farkeep::WallTime wall() const override { return farkeep::from_unix_seconds(1'790'000'000) + passed_; }
  farkeep::SteadyTime steady() const override { return farkeep::SteadyTime{} + std::chrono::hours{1000} + passed_; }
  void pass(std::chrono::nanoseconds time) { passed_ += time; }

 private:
  std::chrono::nanoseconds passed_{0};
};
