#include "settings.hpp"

#include "base/build_time.hpp"
#include "base/software.hpp"

namespace farkeep::server {
namespace {

Endpoint endpoint_of(const ServerAddress& address) { return value_or_throw(Endpoint::parse(address.to_string()), "reading the address " + address.to_string()); }

}  // namespace

std::vector<Endpoint> endpoints_of(const std::vector<ServerAddress>& addresses) {
  std::vector<Endpoint> out;
  for (auto const& address : addresses) out.push_back(endpoint_of(address));
  return out;
}

ServerSettings settings_of(const ServerConfig& config) {
  ServerSettings settings;
  settings.data = config.data;
  settings.software = std::string{kSoftware};
  settings.max_agents = config.max_connections;
  settings.built = build_time();
  settings.agent_quota = config.agent_quota.value_or(0);
  settings.vaults.vault.segment_target = config.segment_size;
  settings.mirror.interval = config.mirror_interval;
  settings.mirror.backoff = config.mirror_backoff;
  if (config.partner) settings.mirror.addresses.push_back(endpoint_of(*config.partner));
  return settings;
}

// Another folder is another server; sockets are bound once, when all rights that it takes are there.
std::vector<std::string> kept_until_restart(const ServerConfig& started, const ServerConfig& now) {
  std::vector<std::string> out;
  if (started.data != now.data) out.push_back("[server] data");
  if (started.listen != now.listen) out.push_back("[server] listen");
  if (started.metrics_listen != now.metrics_listen) out.push_back("[server] metrics_listen");
  return out;
}

}  // namespace farkeep::server
