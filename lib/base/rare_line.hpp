#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace farkeep {

/// Log lines of a kind that strangers can cause as often as they like: a few a minute are written, the others are counted, and the
/// next one that is written says how many there were.  Single-threaded.
class RareLine {
 public:
  explicit RareLine(LogLevel level) : level_(level) {}
  void say(SteadyTime now, std::string_view text);

 private:
  const LogLevel level_;
  SteadyTime minute_{};
  bool begun_ = false;
  unsigned written_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace farkeep
