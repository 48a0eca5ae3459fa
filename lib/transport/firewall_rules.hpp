#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/address.hpp"
#include "config/connection_config.hpp"

namespace farkeep {

/// The languages of firewalls, proxies and port forwarders.
enum class RuleFormat : std::uint8_t {
  nftables, iptables, firewalld, ufw, windows, pf, asa, ios,  // packet filters
  squid, dante, ssh, haproxy, nginx                           // proxies and forwarders
};

/// "nftables"… as the command line has them, in the order of RuleFormat.
std::span<const std::string_view> rule_formats();

/// A network as a firewall writes it: canonical, its host bits zero.
struct Subnet {
  std::string ip;  ///< as in ServerAddress
  unsigned bits = 32;

  static Subnet of(const ServerAddress& address);  ///< that address alone
  bool is_v6() const { return ip.find(':') != ip.npos; }
  bool is_single() const { return bits == (is_v6() ? 128u : 32u); }
  bool contains(const ServerAddress& address) const;
  bool contains(const Subnet& other) const;
  /// `204.164.111.0/26`; an address alone has no prefix length: `204.164.111.10`.
  std::string to_string() const;
  auto operator<=>(const Subnet&) const = default;
};
/// `204.164.111.0/26`, or an address.  Refused: host bits that are not zero, with what was meant; /0, which would
/// permit the whole Internet; the any-address alone.
Value<Subnet> parse_subnet(std::string_view text);

/// What must get through: made from the address directory in force and the one announced, and from the settings.
struct FirewallPlan {
  std::uint64_t serial = 0;  ///< of the address directory
  std::string date;          ///< RFC 3339, for the header
  /// Of the directory.  Each opens the ports of the destinations in it, kServerPort if there are none.  Destinations
  /// that are in no net are opened one by one.
  std::vector<Subnet> nets;
  struct Destination {
    ServerAddress address;
    std::string purpose;             ///< "your data, primary"
    std::optional<HostAddress> via;  ///< the firewall port that is mapped to it
  };
  std::vector<Destination> destinations;
  ConnectionMode mode = ConnectionMode::direct;
  std::optional<HostAddress> proxy;  ///< of modes socks and http
  std::optional<PortRange> source_ports;
  /// Where the rules are loaded: on a router between the two ends, or on the agent's machine (those for nftables and
  /// iptables also fit the proxy's own).
  enum class Place : std::uint8_t { host, gateway } place = Place::gateway;
};

/// The text to load or to hand to the administrator.
///
/// Two lines of header (product, format, date, serial; SHA-256 of all that follows them), then as comments how to load
/// it and what the destinations are, the rules, and as comments how to take them out again.  Rules only permit, and
/// stand in objects with names of their own, so that loading twice is the same as once and nothing else is touched.
/// One rule for each subnet; nothing but TCP, outbound; replies by state, never by a range of ports.  (IOS, which keeps
/// no state, admits replies with ACK set.)
///
/// What is permitted, by mode: direct: to the nets.  socks, http: to the proxy, and from the proxy's address to the
/// nets; if the proxy is known by name only, from any address to the nets, with a comment.  mapped: to the firewall's
/// ports; on a gateway also to the nets, which nftables and iptables narrow to what their own DNAT rules have mapped.
///
/// A format that has no such place ignores `place`: windows is always a host; asa and ios are always a gateway; a
/// proxy's or forwarder's text is for its own machine.  A forwarder (haproxy, nginx, ssh) lists all destinations; those
/// without `via` get a port that is free among the plan's, from 40001.  Pure.
std::string firewall_rules(const FirewallPlan& plan, RuleFormat format);

}  // namespace farkeep
