#pragma once

#include <optional>

#include "async/timers.hpp"
#include "async/workers.hpp"
#include "transport/notifier.hpp"
#include "vault/clock_guard.hpp"
#include "vault/server.hpp"

namespace farkeep::server {

/// Looks at this machine's clock once a minute, and tells people that it is not believed, and that it is again: certificates must not come from it meanwhile.
/// What was told lies in the registry, so that neither a restart nor another certificate repeats it.  All outlive it.
class ClockWatch {
 public:
  /// `guard`: of the same data folder as the server's.
  ClockWatch(ClockGuard& guard, Timers& timers, Workers& workers, Notifier& notifier) : guard_(guard), timers_(timers), workers_(workers), notifier_(notifier) {}

  /// Until cancelled; nothing else ends it.
  task<void> run(Server& server);
  /// Sets instead_of_now().  A clock file that cannot be read leaves what was known.
  task<void> look_for_doubt();
  /// ClockGuard::instead_of_now(), a minute old at most: a handshake waits for no disk.
  std::optional<WallTime> instead_of_now() const noexcept { return instead_of_now_; }

 private:
  task<void> look(Server& server);
  void tell_difference(Server& server);

  ClockGuard& guard_;
  Timers& timers_;
  Workers& workers_;
  Notifier& notifier_;
  std::optional<WallTime> instead_of_now_;
  std::optional<bool> told_;  // that the clock is not believed; nothing: not read yet
  bool difference_told_ = false;
};

}  // namespace farkeep::server
