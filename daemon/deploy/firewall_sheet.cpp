#include "firewall_sheet.hpp"

#include <algorithm>

#include "agent/way_out.hpp"

namespace farkeep::deploy {
namespace {

constexpr const char* kWhy = "; backups and restores";

// The registration pair, and what is mapped ahead of the day when it is needed.
std::vector<NeededServer> destinations(const AgentConfig& agent) {
  std::vector<NeededServer> out = needed_servers(agent, nullptr);
  if (agent.connection.mode != ConnectionMode::mapped) return out;
  for (const Mapping& row : agent.connection.mapped) {
    if (std::any_of(out.begin(), out.end(), [&](const NeededServer& s) { return s.address == row.destination; })) continue;
    NeededServer s;
    s.purpose = "backup data, mapped ahead";
    s.address = row.destination;
    s.via = row.via;
    out.push_back(std::move(s));
  }
  return out;
}

std::string in_words(const std::string& who, const AgentConfig& agent, const std::vector<NeededServer>& servers) {
  const ConnectionConfig& way = agent.connection;
  std::string const ports = way.source_ports ? "TCP ports " + std::to_string(way.source_ports->low) + " to " + std::to_string(way.source_ports->high)
                                             : "any unprivileged TCP port";
  std::string out = "Who        " + who + ", the backup agent on them (the user farkeep)\n";
  auto const row = [&](const std::string& from, const std::string& to, const std::string& why) {
    out += "\n  from       " + from + "\n  to         " + to + "\n  why        " + why + "\n";
  };
  if (const ProxyConfig* proxy = way.proxy()) {
    std::string const kind = way.mode == ConnectionMode::socks ? "SOCKS" : "HTTP";
    row("these machines, " + ports, proxy->proxy.to_string() + ", TCP", "the " + kind + " proxy through which they reach the data centres");
    for (auto const& s : servers) row("that proxy, any TCP port", s.address.to_string() + ", TCP", s.purpose + kWhy);
  } else if (way.mode == ConnectionMode::mapped) {
    for (auto const& s : servers) {
      if (s.via)
        row("these machines, " + ports, s.via->to_string() + ", TCP, which the firewall maps to " + s.address.to_string(), s.purpose + kWhy);
      else
        row("these machines, " + ports, "a firewall port that is NOT MAPPED YET: choose one, and map it to " + s.address.to_string() + ", TCP",
            s.purpose + kWhy);
    }
  } else {
    for (auto const& s : servers) row("these machines, " + ports, s.address.to_string() + ", TCP", s.purpose + kWhy);
  }
  return out +
         "\nOnly outbound connections, TLS 1.3 from end to end; an inspecting firewall is noticed and refused. No UDP, no ICMP, nothing inbound,\n"
         "and no server has a DNS name. After registration the data centres may assign another pair of servers than the one above:\n"
         "farkeep connection rules, on a machine that is registered, writes the rules for it, and status says what is not reached.\n";
}

std::string heading(const std::string& text) { return "\n" + std::string(110, '=') + "\n" + text + "\n" + std::string(110, '=') + "\n"; }

}  // namespace

std::string firewall_sheet(const std::string& organisation, const std::string& who, const AgentConfig& agent, WallTime now) {
  auto const servers = destinations(agent);
  std::string out = "Farkeep, " + organisation + ": what the firewalls must permit, as of " + rfc3339(now) + "\n\n" + in_words(who, agent, servers);
  out += heading("Destinations") + mapping_table(servers, agent.connection.mode);
  auto const names = rule_formats();
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto const format = static_cast<RuleFormat>(i);
    auto const rules = [&](FirewallPlan::Place place) { return firewall_rules(firewall_plan(agent.connection, servers, 0, now, place), format); };
    std::string const gateway = rules(FirewallPlan::Place::gateway), host = rules(FirewallPlan::Place::host);
    std::string const name{names[i]};
    if (host == gateway) {
      out += heading(name) + gateway;
    } else {
      out += heading(name + ", on a firewall between the machines and the data centres") + gateway;
      out += heading(name + ", on the machines themselves") + host;
    }
  }
  return out;
}

}  // namespace farkeep::deploy
