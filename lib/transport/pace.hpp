#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/timers.hpp"
#include "transport/line.hpp"

namespace farkeep {

/// Spreads bytes evenly over time (the generic cell rate algorithm, ITU-T I.371, with a tolerance of a quarter of a second).
class Pace {
 public:
  /// Bytes per second at this moment; 0: as fast as it goes.  Asked before every portion, so that a table of times takes effect at once.
  using Rate = std::function<std::uint64_t()>;
  /// `timers` outlives it.
  Pace(Timers& timers, Rate rate) : timers_(timers), rate_(std::move(rate)) {}

  /// The most to move at once: about a twentieth of a second's worth.
  std::size_t portion() const;
  /// Waits until the turn of so many bytes has come.
  task<void> take(std::size_t bytes);

 private:
  Timers& timers_;
  Rate rate_;
  SteadyTime next_{};  // when what was taken so far has had its time
};

/// A way out on which no more than so much is sent and received.  Proxies' handshakes are not counted.
class PacedLine final : public Line {
 public:
  /// All outlive it, and the streams that it makes.
  PacedLine(Line& line, Pace& sent, Pace& received) : line_(line), sent_(sent), received_(received) {}

  task<std::unique_ptr<Stream>> dial(Endpoint destination) override;
  void set_max_segment(std::optional<int> bytes) override { line_.set_max_segment(bytes); }
  LineSymptom symptom() const override { return line_.symptom(); }
  std::string network(const Endpoint& destination) const override { return line_.network(destination); }

 private:
  Line& line_;
  Pace& sent_;
  Pace& received_;
};

}  // namespace farkeep
