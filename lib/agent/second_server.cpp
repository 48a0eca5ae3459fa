#include "agent/second_server.hpp"

#include "base/error.hpp"

namespace farkeep {

task<void> SecondServer::use(std::function<task<void>(VaultPort&)> work) {
  for (const ServerTarget& target : servers_.pair()) {
    if (target.id == first_) continue;
    co_await servers_.use(target, std::move(work));
    co_return;
  }
  throw failure(Errc::not_found, "asking the other server: none is known");
}

}  // namespace farkeep
