#pragma once

#include <memory>
#include <string>

#include "async/budget.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "store/store.hpp"
#include "transport/secure_dialer.hpp"
#include "vault/alarms.hpp"
#include "vault/mirror.hpp"
#include "vault/registration.hpp"
#include "vault/session.hpp"
#include "vault/vaults.hpp"

namespace farkeep {

struct ServerSettings {
  ServerSettings() = default;
  std::string data;  ///< the folder: identity, registry and the vaults' index caches lie in it
  VaultsSettings vaults;
  MirrorSettings mirror;
  std::uint64_t agent_quota = 0;                              ///< 0: none
  std::size_t record_memory = 256 * limits::kMiB;  ///< records between the network and the disk: a dozen agents at full speed
  std::string software = "farkeep-server";
};

/// One data centre: registration, vaults, mirror.
///
/// It does not listen: whoever listens (a Listener, a simulation) hands each connection to serve().  Two of them and their agents can
/// live in one process.  All collaborators outlive it; `identity` does not change while it lives: for a renewed certificate it is built anew.
class Server {
 public:
  Server(Executor executor, Disk& disk, Store& store, const Identity& identity, const Clock& clock, Timers& timers, Workers& workers,
         Random& random, SecureDialer& dialer, ServerSettings settings);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Mirrors and closes idle vaults until cancelled.  Sessions do not need it to run, but must have ended before close().
  task<void> run();
  /// One connection, until it ends.  Never throws for what the other side does.
  task<void> serve(std::unique_ptr<SecureStream> stream);
  /// Makes everything durable and closes the vaults.  Once, last.
  task<void> close();

  /// Takes over what may change while it runs: quota, mirror, and the vaults' settings for those that are opened from now on.
  void use(const ServerSettings& settings);
  /// What people should hear now of agents' jobs (alarms.hpp).  One call at a time.
  task<std::vector<Notice>> look_for_overdue(bool anybody);

  Registry& registry() noexcept;
  Vaults& vaults() noexcept;
  AddressDirectory& directory() noexcept;
  std::size_t sessions() const noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace farkeep
