#include "clock_watch.hpp"

#include <cstdlib>
#include <string>

#include "async/fence.hpp"
#include "base/log.hpp"

namespace farkeep::server {
namespace {

constexpr auto kClockLook = std::chrono::minutes{1};  // a clock that is right again counts at once

}  // namespace

task<void> ClockWatch::look_for_doubt() {
  const auto read = [this]() -> task<void> { instead_of_now_ = co_await workers_.offload([](ClockGuard* guard) { return guard->instead_of_now(); }, &guard_); };
  auto const problem = co_await problem_of(read());
  if (!problem.empty()) log_warning("reading which time was believed last: {}", problem);
}

task<void> ClockWatch::look(Server& server) {
  auto const trouble = co_await workers_.offload(
      [](ClockGuard* guard) {
        guard->note();
        return guard->trouble();
      },
      &server.clock_guard());
  tell_difference(server);
  if (!told_) told_ = co_await workers_.offload([](Registry* registry) { return registry->alarm_watch().value_or(vault::pb::AlarmWatch{}).clock(); }, &server.registry());
  bool const is_wrong = !trouble.empty();
  if (is_wrong == *told_) co_return;
  if (is_wrong) log_error("{}; no certificates are issued meanwhile", trouble);
  else log_info("this server's clock is believed again");
  Notice notice{is_wrong ? Notice::Event::failed : Notice::Event::recovered, "", is_wrong ? trouble : "this server's clock is believed again", true};
  notifier_.tell(std::move(notice));
  told_ = is_wrong;
  co_await workers_.offload([](Registry* registry, bool w) { registry->change_alarm_watch([w](vault::pb::AlarmWatch& watch) { watch.set_clock(w); }); }, &server.registry(), bool{is_wrong});
}

void ClockWatch::tell_difference(Server& server) {
  auto const difference = server.clock_guard().difference();
  if (difference.has_value() == difference_told_) return;
  difference_told_ = difference.has_value();
  if (difference) log_warning("the partner's clock is {} minutes {} this server's: one of the two is wrong", std::abs(difference->count()) / 60, difference->count() > 0 ? "ahead of" : "behind");
  else log_info("the partner's clock and this server's agree again");
}

task<void> ClockWatch::run(Server& server) {
  for (;;) {
    co_await look_for_doubt();
    auto const problem = co_await problem_of(look(server));
    if (!problem.empty()) log_warning("noting the time: {}", problem);
    co_await timers_.sleep(kClockLook);
  }
}

}  // namespace farkeep::server
