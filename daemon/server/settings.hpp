#pragma once

#include <string>
#include <vector>

#include "config/server_config.hpp"
#include "transport/endpoint.hpp"
#include "vault/server.hpp"

// From what server.ini says to what the parts want, and what of it a running server can take over.
namespace farkeep::server {

/// Throws failure for an address that is none.
std::vector<Endpoint> endpoints_of(const std::vector<ServerAddress>& addresses);

/// For the parts that can be told at any time, too (Server::use).
ServerSettings settings_of(const ServerConfig& config);

/// The keys in which a server that was started with the one differs from the other although they were read again, since they count at its start only: "[server] listen", ….
std::vector<std::string> kept_until_restart(const ServerConfig& started, const ServerConfig& now);

}  // namespace farkeep::server
