#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/address_book.hpp"
#include "config/agent_config.hpp"
#include "transport/firewall_rules.hpp"

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
  std::optional<WallTime> tried;       ///< announced: when the daemon last tried it…
  std::string problem;                 ///< …and what was in the way; empty: nothing
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

}  // namespace farkeep
