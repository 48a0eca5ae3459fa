#pragma once

#include <optional>
#include <set>

#include "sim/machine.hpp"
#include "store/directory_store.hpp"
#include "vault/server.hpp"

namespace farkeep::sim {

/// A data centre: the server of lib/vault on a simulated disk and network.
class ServerMachine final : public Machine {
 public:
  /// The disk holds an identity at kData.
  ServerMachine(Earth& earth, std::string name, const char* address);
  static constexpr const char* kData = "/data";

  Endpoint at() const { return Endpoint{address()}; }
  /// Null while it does not run.
  Server* server() { return server_ ? &*server_ : nullptr; }
  const Clock& clock() const { return clock_; }
  /// Once it has run.
  ServerId id() const { return identity_.value().id(); }
  PeerIdentity shown_identity() const;
  /// The names of the snapshots that would outlive a power cut.
  std::set<std::string> kept();

 protected:
  task<void> live() override;
  task<void> clean_up() override;

 private:
  task<void> accept(SimListener& listener, Scope& scope);

  SimClock clock_;
  SimRandom random_;
  std::optional<Identity> identity_;
  std::unique_ptr<SimDialer> dialer_;
  std::unique_ptr<DirectoryStore> store_;
  std::optional<Server> server_;
};

/// What two data centres and an agent have when an administrator has set them up.
struct Installed {
  Certificate authority;
  AccountId account;
  AgentId agent;
};
/// Makes the pair, registers an agent at the first one, and puts all that onto the disks; the network is not needed.
Installed install(Earth& earth, ServerMachine& first, ServerMachine& second, Disk& agent_disk, const std::string& agent_folder);

}  // namespace farkeep::sim
