#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/progress.hpp"
#include "base/clock.hpp"

namespace farkeep {

/// How a run goes and when it will end: by bytes against the last snapshot's size, over the last ten seconds' rate.
class Forecast {
 public:
  /// The run as it is now; the first call begins it.
  void look(const Progress& progress, SteadyTime now);

  const Progress& progress() const noexcept { return progress_; }
  std::uint64_t done() const noexcept;       ///< bytes of content, read or taken over
  double rate() const noexcept { return rate_; }  ///< bytes a second; 0: not known
  std::chrono::seconds elapsed() const noexcept;
  /// Nothing: not known.
  std::optional<std::chrono::seconds> left() const noexcept;
  /// One JSON object of message_type "status", for programs.
  std::string json() const;

 private:
  Progress progress_;
  SteadyTime started_{}, now_{}, rate_from_{};
  std::uint64_t rate_bytes_ = 0;
  double rate_ = 0;
};

}  // namespace farkeep
