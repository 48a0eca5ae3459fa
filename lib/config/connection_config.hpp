#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/address.hpp"
#include "config/value.hpp"

namespace farkeep {

enum class ConnectionMode : std::uint8_t { direct, socks, mapped, http };

inline constexpr std::uint16_t kSocksPort = 1080, kHttpProxyPort = 3128;

/// A proxy that is told the destination.
struct ProxyConfig {
  HostAddress proxy;      ///< empty host: not configured
  std::string user;       ///< empty: no login
  SecretSource password;  ///< kind none without a user
  std::chrono::seconds reply_timeout{0};
};

/// `[connection]`, `[socks]`, `[mapped]` and `[http]`: the way from this machine to the servers.  Sections of modes that
/// are not in use are checked and kept, so that changing the mode back needs one line.
struct ConnectionConfig {
  ConnectionMode mode = ConnectionMode::direct;
  std::optional<PortRange> source_ports;
  std::chrono::seconds connect_timeout{0};
  std::chrono::seconds progress_timeout{0};

  ProxyConfig socks;
  int socks_version = 5;
  ProxyConfig http;
  std::vector<Mapping> mapped;  ///< destinations are unique, and so are the firewall's ports

  /// That of the mode, or null.
  const ProxyConfig* proxy() const {
    return mode == ConnectionMode::socks ? &socks : mode == ConnectionMode::http ? &http : nullptr;
  }
};

}  // namespace farkeep
