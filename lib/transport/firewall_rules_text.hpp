#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transport/firewall_rules.hpp"

// What the formats of firewall_rules() share: the plan as a list of flows, and a sheet to write on.
namespace farkeep::rules {

/// Connections that one or a few rules permit.  Never empty; all of one family.
struct Flow {
  enum class To : std::uint8_t { servers, proxy, mapped };
  To kind = To::servers;
  bool v6 = false;
  std::vector<Subnet> nets;
  std::uint16_t port = 0;
  std::string source;                     ///< an IP address; empty: any
  std::optional<PortRange> source_ports;  ///< only of connections that start at the agent
  /// The destination is known by a DNS name, and `nets` holds a place to fill in: rules are written as comments.
  bool by_name = false;

  const std::string& ip() const { return nets.front().ip; }
};

inline bool at_gateway(const FirewallPlan& plan) { return plan.place == FirewallPlan::Place::gateway; }
bool has_proxy(const FirewallPlan& plan);
/// To the servers, from anywhere: one flow for each family and port.
std::vector<Flow> server_flows(const FirewallPlan& plan);
/// All that the plan's mode needs at its place, agents' connections first.
std::vector<Flow> flows(const FirewallPlan& plan);
bool any_v4(const std::vector<Flow>& flows);
bool any_v6(const std::vector<Flow>& flows);

/// A firewall port and the destination behind it.
struct Forward {
  FirewallPlan::Destination to;
  HostAddress via;        ///< host empty: any address of the machine
  bool proposed = false;  ///< not in the plan: a port that is free among the plan's
};
std::vector<Forward> forwards(const FirewallPlan& plan);

std::string mask(const Subnet& v4);      ///< 255.255.255.192
std::string wildcard(const Subnet& v4);  ///< 0.0.0.63
std::string join(const std::vector<Subnet>& nets, std::string_view separator);
std::string number(std::uint64_t n);
inline std::string range(const PortRange& ports, std::string_view to) { return number(ports.low).append(to) + number(ports.high); }

/// Lines of rules and of comments.
class Sheet {
 public:
  explicit Sheet(std::string_view comment = "#") : comment_(comment) {}
  void line(std::string_view text) { text_.append(text) += '\n'; }
  /// A comment; control characters become '?', so that it stays one.
  void note(std::string_view text);
  /// A comment of several lines: wrapped between words.
  void prose(std::string_view text);
  /// A rule of the flow: a comment where its address must be filled in first.
  void rule(const Flow& flow, std::string_view text) { flow.by_name ? note(text) : line(text); }
  /// The destinations, and what a packet filter cannot say about the plan.
  void destinations(const FirewallPlan& plan);
  void caveats(const FirewallPlan& plan);
  const std::string& text() const { return text_; }

 private:
  std::string comment_;
  std::string text_;
};

// One for each format: all below the header.
std::string nftables(const FirewallPlan& plan);
std::string iptables(const FirewallPlan& plan);
std::string firewalld(const FirewallPlan& plan);
std::string ufw(const FirewallPlan& plan);
std::string windows(FirewallPlan plan);
std::string pf(const FirewallPlan& plan);
std::string asa(FirewallPlan plan);
std::string ios(FirewallPlan plan);
std::string squid(const FirewallPlan& plan);
std::string dante(const FirewallPlan& plan);
std::string ssh(const FirewallPlan& plan);
std::string haproxy(const FirewallPlan& plan);
std::string nginx(const FirewallPlan& plan);

}  // namespace farkeep::rules
