#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/address_book.hpp"
#include "config/agent_config.hpp"
#include "transport/firewall_rules.hpp"
#include "transport/proxy_error.hpp"
#include "transport/secure_dialer.hpp"
#include "transport/tls.hpp"

namespace farkeep {

/// A server that this agent needs to reach, now or later.
struct NeededServer {
  std::string purpose;                 ///< "registration, primary"; "your data, alternate"
  ServerAddress address;
  std::optional<ServerId> id;          ///< unknown before registration
  std::string subnet;                  ///< empty: not told
  std::optional<HostAddress> via;      ///< its firewall port, in mode mapped
  std::optional<WallTime> from;        ///< announced: not before this
  std::optional<WallTime> until;       ///< on its way out
};

/// All of them: the registration pair, the assigned one (which may be the same: then once), and what is announced.
/// `book`: null before registration.
std::vector<NeededServer> needed_servers(const AgentConfig& config, const AddressBook* book);

/// What a firewall must let through for them.  `serial`: of the newest directory.
FirewallPlan firewall_plan(const ConnectionConfig& connection, const std::vector<NeededServer>& servers, std::uint64_t serial, WallTime now, FirewallPlan::Place place);

/// The list for the firewall's administrator: one row a server, with the firewall port that leads to it or that there is none.
std::string mapping_table(const std::vector<NeededServer>& servers, ConnectionMode mode);
/// The same for a spreadsheet (RFC 4180, with a header).
std::string mapping_csv(const std::vector<NeededServer>& servers, ConnectionMode mode);

/// How far a try to reach a server came.
struct Probe {
  bool works = false;
  Errc code{};
  std::string text;                 ///< what is wrong, or who answered
  std::optional<ServerId> answered; ///< a certified server did, whether the right one or not
  std::optional<ProxyTrouble> trouble;
};

/// Connects as a session would, greets, and says goodbye.  Never throws but when cancelled.
task<Probe> probe(SecureDialer& dialer, Timers& timers, const Clock& clock, NeededServer server);

/// Two servers of which each answered at the other's address: their mapped ports are exchanged.  In words, or nothing.
std::optional<std::string> exchanged(const std::vector<NeededServer>& servers, const std::vector<Probe>& probes);

}  // namespace farkeep
