#pragma once

#include <spdlog/fmt/fmt.h>

#include <ostream>
#include <string>
#include <vector>

#include "crypto/digest.hpp"
#include "sim/sim_timers.hpp"

namespace farkeep::sim {

/// What happened when, for people who look for the reason of a failure, and for telling whether two runs are the same.
class Trace {
 public:
  /// `live`: is written to at once as well, for runs that end in an abort.
  explicit Trace(const SimTimers& timers, std::ostream* live) : timers_(timers), begin_(timers.now()), live_(live) {}

  template <class... Args>
  void add(fmt::format_string<Args...> f, Args&&... args) {
    lines_.push_back(fmt::format("{:9.3f} s  {}", seconds(), fmt::format(f, std::forward<Args>(args)...)));
    if (live_) *live_ << lines_.back() << std::endl;
  }
  /// Virtual time since the beginning.
  double seconds() const { return std::chrono::duration<double>(timers_.now() - begin_).count(); }
  const std::vector<std::string>& lines() const { return lines_; }
  Digest digest() const {
    Sha256 hash;
    for (auto const& line : lines_) hash.update(as_bytes(line + '\n'));
    return hash.finish();
  }

 private:
  const SimTimers& timers_;
  SteadyTime begin_;
  std::ostream* live_;
  std::vector<std::string> lines_;
};

}  // namespace farkeep::sim
