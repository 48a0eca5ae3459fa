#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "async/task.hpp"
#include "async/timers.hpp"

namespace farkeep {

/// The only place where a name becomes addresses: a proxy's.  Servers have none.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// At least one address, in the system's order, none twice.  Throws failure(not_found): there is no such name; timed_out;
  /// unreachable: nobody could be asked.
  virtual task<std::vector<asio::ip::address>> resolve(std::string name) = 0;
};

/// The system's: hosts file, DNS, whatever it is configured to ask.  At most ten seconds; then the system's own thread may go on by itself.
class SystemResolver final : public Resolver {
 public:
  SystemResolver(Executor executor, Timers& timers) : executor_(std::move(executor)), timers_(timers) {}
  task<std::vector<asio::ip::address>> resolve(std::string name) override;

 private:
  Executor executor_;
  Timers& timers_;
};

}  // namespace farkeep
