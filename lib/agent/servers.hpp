#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/progress.hpp"
#include "agent/server_choice.hpp"
#include "agent/vault_port.hpp"
#include "async/task.hpp"
#include "base/error.hpp"

namespace farkeep {

/// Opens this agent's vault on a server: dial through the transport chain, TLS with the server's identity checked, hello, open.
///
/// The seam for simulations.  Throws failure: unreachable, timed_out, disconnected, identity, unauthorised, protocol…
class Servers {
 public:
  using Work = std::function<task<void>(VaultPort&)>;
  virtual ~Servers() = default;
  /// The assigned pair in its order of preference.
  virtual std::vector<ServerTarget> pair() const = 0;
  /// Connects, runs `work`, says goodbye.  The connection lives as long as the work: when it is lost, the work is cancelled and its loss is
  /// thrown; when the work fails, that is thrown.
  virtual task<void> use(ServerTarget target, Work work) = 0;
  /// Neither server answered: when that has been so for a day, asks elsewhere for newer addresses, once an hour.  True: pair() says something new.
  /// Its own failures are logged, not thrown.
  virtual task<bool> look_further() { co_return false; }
};

/// What was named is not on this server, through no fault of its own: the other one may have it.
class not_here final : public failure {
 public:
  not_here(Errc code, const std::string& doing) : failure(code, doing) {}
};

/// Whether a failure of a session with one server is a reason to go on with the other one.  What a server says about its own disk is;
/// the same about this machine's disk is not.
bool is_server_trouble(const boost::system::system_error& error) noexcept;

/// Whether a failure is this machine's own affair, which no other server heals: it was stopped, called or configured wrongly, lacks what was named, or its own disk
/// fails.  Never what a server says, nor that it lacks something (not_here).
bool is_own_affair(const boost::system::system_error& error) noexcept;
/// As what a server's failure counts for whoever tried several: `unreachable` for what may be otherwise the next time.
Errc counts_as(const boost::system::system_error& error) noexcept;
/// The one that weighs more for an administrator: an alarm, then who is who, then what is in the way, then silence.
Errc graver(Errc a, Errc b) noexcept;

/// What a failure to use a server says about whom to try next.
enum class Fault : std::uint8_t {
  server,  ///< it rests for a while; the other one is tried
  path,    ///< the way to all of them is broken (a proxy): nobody rests, and the other one would fail the same
  nobody,  ///< nobody rests, the other one is tried: a stranger in its place, a mapping that is still missing, a network that is down, a quota (what is there is still read), or not_here
};
Fault fault_of(const boost::system::system_error& error) noexcept;

/// Who answered in the place of whom, while servers were tried one after the other.
class Strangers {
 public:
  void saw(const ServerTarget& expected, const boost::system::system_error& error);
  /// What an administrator should know of it, to be put behind what was tried; or nothing.
  std::string hint() const;

 private:
  std::map<ServerId, ServerId> answered_;  // expected: found
};

/// Does the work on the first server that lets it be done: primary first, one after the other.  A server that fails in the middle, whatever it says or sends, is a
/// reason to try the other one: so the work must bear to be begun anew.  What is this machine's own affair is thrown at once; else the gravest failure, with all
/// that were tried in its text.
task<void> use_any(Servers& servers, ServerChoice& choice, Reporter& reporter, Servers::Work work);
/// The same for these, in this order.  `heard`: of each failure, before the next one is tried.
using HearsOfFailure = std::function<void(const ServerTarget&, const boost::system::system_error&)>;
task<void> use_any(Servers& servers, ServerChoice& choice, Reporter& reporter, Servers::Work work, std::vector<ServerTarget> line, HearsOfFailure heard = {});

/// The ids of a pair, none twice.
std::vector<ServerId> ids_of(const std::vector<ServerTarget>& pair);

}  // namespace farkeep
