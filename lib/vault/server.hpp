#pragma once

#include <memory>
#include <string>

#include "async/budget.hpp"
#include "async/timers.hpp"
#include "async/workers.hpp"
#include "base/clock.hpp"
#include "crypto/random.hpp"
#include "platform/disk.hpp"
#include "store/directory_store.hpp"
#include "transport/secure_dialer.hpp"
#include "vault/alarms.hpp"
#include "vault/disk_watch.hpp"
#include "vault/mirror.hpp"
#include "vault/registration.hpp"
#include "vault/session.hpp"
#include "vault/vaults.hpp"
#include "wire/connection_limits.hpp"

namespace farkeep {

struct ServerSettings {
  ServerSettings() = default;
  std::string data;  ///< the folder: identity, registry and the vaults' index caches lie in it
  VaultsSettings vaults;
  MirrorSettings mirror;
  std::uint64_t agent_quota = 0;                              ///< 0: none
  std::size_t record_memory = 256 * limits::kMiB;  ///< records between the network and the disk: a dozen agents at full speed
  std::size_t answer_memory = limits::kAnswers, question_memory = limits::kQuestions;
  std::size_t max_agents = 4096;  ///< connections of agents; further ones are told `busy`
  std::string software = "farkeep-server";
  WallTime built{};  ///< no time before it is believed (clock_guard.hpp)
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

  /// Tends this store, which is the server's, while it runs.  Before run().
  void look_after(DirectoryStore& store);
  /// Mirrors and closes idle vaults until cancelled.  Sessions do not need it to run, but must have ended before close().
  task<void> run();
  /// One connection, until it ends.  Never throws for what the other side does.
  task<void> serve(std::unique_ptr<SecureStream> stream);
  /// Makes everything durable and closes the vaults.  Once, last.
  task<void> close();

  /// Takes over what may change while it runs: quota, mirror, and the vaults' settings for those that are opened from now on.
  void use(const ServerSettings& settings);
  /// What people should hear now of agents' jobs (alarms.hpp), of copies that were of no use to them, and of damage in the registry.  One call at a time.
  task<std::vector<Notice>> look_for_overdue(bool anybody);
  /// What people should hear of the disk since the last call (disk_watch.hpp); it is in the log already.
  std::vector<Notice> take_disk_notices();
  const DiskWatch& disk() const noexcept;

  Registry& registry() noexcept;
  Vaults& vaults() noexcept;
  AddressDirectory& directory() noexcept;
  ClockGuard& clock_guard() noexcept;
  std::size_t sessions() const noexcept;
  /// How many objects clients could not use copies of, since the program began.
  std::uint64_t unusable_copies() const noexcept;
  /// Of those who had finished TLS.
  TurnedAway turned_away() const noexcept;

 private:
  task<void> look_after_the_store();

  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace farkeep
