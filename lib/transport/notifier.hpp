#pragma once

#include <string>

#include "async/child.hpp"
#include "async/queue.hpp"
#include "async/timers.hpp"
#include "config/notify_config.hpp"
#include "transport/notice.hpp"
#include "transport/web.hpp"

namespace farkeep {

/// Carries notices to those whom [notify] names, one after the other; what cannot be delivered in three tries is logged and dropped.
///
/// Those whom it names may be others for each notice: what holds when a notice's turn comes counts for it.  Cancelling run() loses the notice that is on its way;
/// those that wait are kept.
class Notifier {
 public:
  static constexpr std::size_t kMostWaiting = 100;

  /// `machine`: this machine's name, for the texts.  All outlive it.
  Notifier(const NotifyConfig& config, std::string machine, Children& children, Web& web, Timers& timers)
      : config_(config), machine_(std::move(machine)), children_(children), web_(web), timers_(timers) {}

  /// Never blocks; a notice too many is logged and dropped.
  void tell(Notice notice);
  /// Until cancelled.
  task<void> run();

 private:
  task<void> deliver(const Notice& notice);
  task<void> post(std::string url, std::string body, std::string type, std::string proxy);
  task<void> mail(const NotifyConfig& to, const Notice& notice);
  task<void> command(const Notice& notice, std::string line);

  const NotifyConfig& config_;
  const std::string machine_;
  Children& children_;
  Web& web_;
  Timers& timers_;
  Queue<Notice> waiting_{kMostWaiting};
};

}  // namespace farkeep
