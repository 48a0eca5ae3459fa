#pragma once

#include "agent/address_book.hpp"
#include "agent/agent_dialer.hpp"
#include "agent/keys.hpp"
#include "agent/root_trust.hpp"
#include "agent/servers.hpp"
#include "agent/state.hpp"
#include "async/timers.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "config/agent_config.hpp"
#include "transport/line.hpp"
#include "transport/secure_dialer.hpp"
#include "transport/tls.hpp"
#include "wire/wire.pb.h"

namespace farkeep {

class Peer;
class VaultClient;

/// The assigned pair, over whatever the secure dialer gives: TLS in the programs (TlsServers), a network in memory in simulations.
/// A session with a server that the root takes back ends, as identity, within a minute after this machine has heard so, from whomever.
/// All collaborators outlive it.
class PeerServers final : public Servers {
 public:
  PeerServers(AgentState& state, const Certificate& authority, SecureDialer& dialer, Timers& timers, const Clock& clock,
              std::chrono::nanoseconds progress_timeout = limits::kProgressTimeout)
      : book_(state, authority, clock), trust_(state, authority), dialer_(dialer), timers_(timers), clock_(clock), progress_timeout_(progress_timeout) {}

  std::vector<ServerTarget> pair() const override { return book_.pair(); }
  task<void> use(ServerTarget target, Work work) override;
  RootTrust& trust() { return trust_; }

 private:
  task<void> talk(Peer& peer, const ServerTarget& target, const Work& work);
  task<void> hear_news(Peer& peer);
  task<void> watch_word(Peer& peer, VaultClient& vault, const std::string& name);

  AddressBook book_;
  RootTrust trust_;
  SecureDialer& dialer_;
  Timers& timers_;
  const Clock& clock_;
  const std::chrono::nanoseconds progress_timeout_;
};

struct TlsServersOptions {
  TlsServersOptions() = default;
  std::chrono::nanoseconds progress_timeout = limits::kProgressTimeout;
  std::vector<std::string> registration;  ///< ip:port of the registration pair: who is asked when the assigned pair is nowhere
};

TlsServersOptions servers_options(const AgentConfig& config);

/// The assigned pair, over TLS through the transport chain.  All collaborators outlive it.
class TlsServers final : public Servers {
 public:
  TlsServers(AgentState& state, const AgentCredentials& keys, const Certificate& authority, Line& line, Timers& timers, const Clock& clock, TlsServersOptions options);

  std::vector<ServerTarget> pair() const override { return servers_.pair(); }
  task<void> use(ServerTarget target, Work work) override;
  task<bool> look_further() override;
  RootTrust& trust() { return servers_.trust(); }

 private:
  std::string way_out(const failure& refusal) const;
  task<bool> ask(std::string address);

  AgentState& state_;
  const AgentCredentials& keys_;
  Timers& timers_;
  const Clock& clock_;
  const TlsServersOptions options_;
  AddressBook book_;
  AgentDialer dialer_;
  PeerServers servers_;
};

/// Connects to one address, checks whose it is, and runs `work` beside the connection.  For registration too, where the dialer shows no certificate.
task<void> with_peer(SecureDialer& dialer, Timers& timers, Endpoint destination, ExpectedServer expected, std::function<task<void>(Peer&)> work,
                     std::chrono::nanoseconds progress_timeout = limits::kProgressTimeout);

/// The same over a connection that exists.
task<void> with_peer(std::unique_ptr<SecureStream> stream, Timers& timers, std::function<task<void>(Peer&)> work, std::chrono::nanoseconds progress_timeout = limits::kProgressTimeout);

/// What an agent shows, and trusts now; without `keys` it is not registered yet.
TlsContext context_of(const AgentCredentials* keys, RootTrust& trust, const Clock& clock);
/// Asks the server for the newest root's word and addresses, and takes them.
task<AddressBook::Heard> ask_for_news(Peer& peer, AddressBook& book);

}  // namespace farkeep
