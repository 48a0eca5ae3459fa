#pragma once

#include <string>

#include "agent/forecast.hpp"
#include "base/log.hpp"
#include "platform/service_notify.hpp"

namespace farkeep {

/// What a run tells goes to the journal, and to `systemctl status`.
class LogReporter final : public Reporter {
 public:
  explicit LogReporter(const Clock& clock) : clock_(clock) {}
  /// A run begins.
  void begin() { forecast_ = Forecast{}; }
  const Forecast& forecast() const { return forecast_; }

  void progress(const Progress& now) override {
    forecast_.look(now, clock_.steady());
    if (now.phase == phase_) return;
    phase_ = now.phase;
    service_status(now.phase + (now.server.empty() ? "" : " with " + now.server));
  }
  void problem(std::string_view path, std::string_view text) override { log_warning("{}{}{}", path, path.empty() ? "" : ": ", text); }
  void note(std::string_view text) override { log_info("{}", text); }

 private:
  const Clock& clock_;
  Forecast forecast_;
  std::string phase_;
};

}  // namespace farkeep
