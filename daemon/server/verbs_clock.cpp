#include "base/build_time.hpp"
#include "command.hpp"
#include "vault/clock_guard.hpp"

// The administrator's word about this machine's clock.
namespace farkeep::server {

Exit clock_accept(App& app, const po::variables_map&, const Operands& operands) {
  no_operands(operands);
  app.identity();
  ClockGuard guard{app.disk(), app.data(), app.clock(), build_time()};
  auto const before = guard.trouble();
  guard.accept();
  auto const now = rfc3339(app.clock().wall());
  boost::json::object o;
  o["time"] = now;
  o["was"] = before;
  app.out().result("This server's clock is taken to be right: it is " + now + "." + (before.empty() ? "" : "\nUntil now: " + before), o);
  return Exit::done;
}

}  // namespace farkeep::server
