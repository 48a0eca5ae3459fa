#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/value.hpp"

namespace farkeep {

/// The port of every server unless written otherwise, and the only one a firewall must open.
inline constexpr std::uint16_t kServerPort = 16384;

/// Where a server is: an IP address and a TCP port, never a name.
struct ServerAddress {
  std::string ip;  ///< canonical: dotted quad, or RFC 5952 (`2001:db8::1`) without brackets; equal text, equal address
  std::uint16_t port = kServerPort;

  bool is_v6() const noexcept { return ip.find(':') != ip.npos; }
  /// All interfaces (0.0.0.0 or ::): to listen on, not to connect to.
  bool is_any() const noexcept { return ip == "0.0.0.0" || ip == "::"; }
  /// `192.0.2.1:16384`, `[2001:db8::1]:16384`.
  std::string to_string() const { return (is_v6() ? "[" + ip + "]" : ip) + ":" + std::to_string(port); }
  auto operator<=>(const ServerAddress&) const = default;
};

/// `ip`, `ip:port`, `ipv6`, `[ipv6]`, `[ipv6]:port`.  A name is refused; so are zone ids (`%eth0`), which mean nothing
/// on another machine, port 0 and multicast.  No resolver and no socket library is asked.
Value<ServerAddress> parse_address(std::string_view text);

/// Where a proxy or a firewall is: an IP address or a DNS name, and a TCP port.  Only these may have a name.
struct HostAddress {
  std::string host;  ///< canonical IP address as in ServerAddress, or a name in lower case
  std::uint16_t port = 0;

  /// `fw.example.net:1080`, `[2001:db8::1]:1080`.
  std::string to_string() const { return (host.find(':') != host.npos ? "[" + host + "]" : host) + ":" + std::to_string(port); }
  auto operator<=>(const HostAddress&) const = default;
};

/// `host`, `host:port` and the forms of parse_address; `fallback` is the port unless written, 0: it must be written.
/// A name follows RFC 1123: labels of letters, digits and '-', at most 253 characters.
Value<HostAddress> parse_host(std::string_view text, std::uint16_t fallback);

/// A row of a mapped proxy: the firewall port that leads to a destination.
struct Mapping {
  ServerAddress destination;
  HostAddress via;
  auto operator<=>(const Mapping&) const = default;
};

/// `192.0.2.10 via fw.example.net:40001`: a server's address, and the firewall's with its port.
Value<Mapping> parse_mapping(std::string_view text);

}  // namespace farkeep
