#pragma once

#include <memory>
#include <string>

#include "agent/notices.hpp"
#include "agent/state.hpp"
#include "async/child.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "config/agent_config.hpp"
#include "transport/notifier.hpp"

namespace farkeep {

/// What outlives a configuration: the state, with what a full disk has not taken yet, and the notices that wait to be told.
class Lasting {
 public:
  /// Throws failure(busy) where another farkeepd works with this state.
  explicit Lasting(const AgentConfig& config);

  /// Another configuration counts: whom it names hears what waits, at once.
  void use(const AgentConfig& config);
  /// Tells those whom the configuration names, until cancelled.
  task<void> run() { return notifier_.run(); }
  /// Calls that are made end soon, for the program ends.
  void stop() noexcept { web_.stop(); }

  AgentState& state() noexcept { return state_; }
  Notices::Unknown& unknown_jobs() noexcept { return unknown_jobs_; }
  void tell(Notice notice) { notifier_.tell(std::move(notice)); }

 private:
  SystemClock clock_;
  AsioTimers timers_;
  AgentState state_;
  Notices::Unknown unknown_jobs_;
  const std::unique_ptr<DiskLock> alone_;  // before anything of it is read
  ThreadWorkers web_workers_;  // apart from those that read files: a call may hang for seconds
  CurlWeb web_{web_workers_};
  NotifyConfig notify_;
  Outbox outbox_;
  Notifier notifier_;
};

}  // namespace farkeep
