#pragma once

#include <chrono>
#include <string>

#include "agent/forecast.hpp"
#include "base/clock.hpp"

namespace farkeep::cli {

/// Shows a run: one line that is rewritten in place on a terminal, JSON lines with --json, messages on standard error otherwise.
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
  void draw();
  void message(const std::string& text);

  const Clock& clock_;
  const Show show_;
  const bool quiet_;
  SteadyTime drawn_{};
  Forecast forecast_;
  bool on_screen_ = false;
};

/// 1536 -> "1.5 KiB".
std::string show_bytes(double bytes);
/// "12 files, 3.4 MiB of 8.0 MiB, 42 %"
std::string show_progress(std::uint64_t files, std::uint64_t done, std::uint64_t expected);
/// 3725 s -> "1:02:05".
std::string show_time(std::chrono::seconds time);

}  // namespace farkeep::cli
