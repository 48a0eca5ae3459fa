#pragma once

#include <chrono>
#include <string>

#include "agent/progress.hpp"
#include "base/clock.hpp"

namespace farkeep::cli {

/// Shows a run: one line that is rewritten in place on a terminal, JSON lines with --json, messages on standard error otherwise.
///
/// The estimate is by bytes against the last snapshot's size, over the last ten seconds' rate.
class ProgressLine final : public Reporter {
 public:
  enum class Show { nothing, line, json };
  ProgressLine(const Clock& clock, Show show, bool quiet) : clock_(clock), show_(show), quiet_(quiet) {}
  ~ProgressLine() override { clear(); }

  void progress(const Progress& now) override;
  void problem(std::string_view path, std::string_view text) override;
  void note(std::string_view text) override;
  /// Takes the line away, so that something else can be printed.
  void clear();

 private:
  void draw(const Progress& now);
  void message(const std::string& text);

  const Clock& clock_;
  const Show show_;
  const bool quiet_;
  SteadyTime started_{}, drawn_{}, rate_from_{};
  std::uint64_t rate_bytes_ = 0;
  double rate_ = 0;  // bytes a second
  bool on_screen_ = false;
};

/// 1536 -> "1.5 KiB".
std::string show_bytes(double bytes);
/// 3725 s -> "1:02:05".
std::string show_time(std::chrono::seconds time);

}  // namespace farkeep::cli
