#include "agent/second_server.hpp"

#include "base/error.hpp"

namespace farkeep {

task<void> SecondServer::use(std::function<task<void>(VaultPort&)> work) {
  std::exception_ptr last;
  for (const ServerTarget& target : line_) {
    if (target.id == first_) continue;
    bool begun = false;
    Servers::Work started = [&](VaultPort& vault) -> task<void> {
      begun = true;
      return work(vault);
    };
    try {
      co_await servers_.use(target, std::move(started));
      co_return;
    } catch (const boost::system::system_error& e) {
      if (begun || classify(e.code()) == Errc::cancelled) throw;
      last = std::current_exception();
    }
  }
  if (last) std::rethrow_exception(last);
  throw failure(Errc::not_found, "asking the other server: none is known");
}

}  // namespace farkeep
