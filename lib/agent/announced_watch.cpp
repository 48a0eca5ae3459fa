#include "agent/announced_watch.hpp"

#include "agent/refused_logins.hpp"
#include "agent/stored_time.hpp"
#include "agent/tls_servers.hpp"
#include "async/fence.hpp"
#include "base/log.hpp"

namespace farkeep {
namespace {

using namespace std::chrono_literals;
constexpr auto kLook = 10min;  // reads two small files
constexpr auto kAgain = 24h;

}  // namespace

task<void> AnnouncedWatch::run() {
  for (;;) {
    const std::string problem = co_await problem_of(look());
    if (!problem.empty()) log_warning("trying the announced servers: {}", problem);
    co_await timers_.sleep(kLook);
  }
}

task<void> AnnouncedWatch::look() {
  AddressBook book(state_, authority_, clock_);
  std::vector<NeededServer> due;
  for (auto& s : needed_servers(config_, &book)) {
    const auto tried = age(s.tried.value_or(WallTime{}).time_since_epoch().count(), clock_.wall());
    if (s.from && (!tried || *tried >= kAgain)) due.push_back(s);
  }
  if (due.empty()) co_return;
  const AgentCredentials keys = AgentCredentials::load(state_, clock_.wall());
  RootTrust trust(state_, authority_);
  RefusedLogins logins(state_, clock_, random_);
  Doctor doctor(co_await asio::this_coro::executor, timers_, clock_, resolver_, random_, config_.connection, password_, trust, &keys, logins);
  for (auto& s : due) {
    const Examination e = co_await doctor.examine(s);
    book.tried(s.address.to_string(), e.works() ? "" : e.text);
    if (e.works()) log_info("{} ({}), which is needed from {} on, is reached already", s.address.to_string(), s.purpose, rfc3339(*s.from));
    else log_warning("{} ({}) is needed from {} on, and is not reached yet: {} (farkeep connection rules writes what the firewall must let through by then)", s.address.to_string(), s.purpose,
                     rfc3339(*s.from), e.text);
  }
}

}  // namespace farkeep
