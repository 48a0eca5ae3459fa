#include "agent/way_out.hpp"

#include <algorithm>

namespace farkeep {
namespace {

std::string pad(const std::string& text, std::size_t width) { return text.size() < width ? text + std::string(width - text.size(), ' ') : text; }

std::string state_of(const NeededServer& s, ConnectionMode mode) {
  if (s.from) return "announced, from " + rfc3339(*s.from) + (!s.tried ? "" : s.problem.empty() ? "; reached already" : "; NOT REACHED YET");
  const std::string until = s.until ? ", until " + rfc3339(*s.until) : "";
  if (mode != ConnectionMode::mapped) return "needed now" + until;
  return (s.via ? "mapped" : s.until ? "not mapped" : "NOT MAPPED, needed now") + until;
}

std::string csv(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::vector<NeededServer> needed_servers(const AgentConfig& config, const AddressBook* book) {
  std::vector<NeededServer> out;
  const auto add = [&](NeededServer s) {
    const auto there = std::find_if(out.begin(), out.end(), [&](const NeededServer& o) { return o.address == s.address; });
    if (there != out.end()) {
      there->purpose += " and " + s.purpose;
      if (!there->id) there->id = s.id;
      if (there->subnet.empty()) there->subnet = s.subnet;
      return;
    }
    for (auto& m : config.connection.mapped)
      if (m.destination == s.address) s.via = m.via;
    out.push_back(std::move(s));
  };
  for (std::size_t i = 0; i < config.servers.size(); ++i) {
    NeededServer s;
    s.purpose = i == 0 ? "registration, primary" : "registration, alternate";
    s.address = config.servers[i];
    add(std::move(s));
  }
  if (!book) return out;
  for (auto& d : book->destinations()) {
    const auto address = parse_address(d.address);
    if (!address) continue;
    NeededServer s;
    s.purpose = "your data, " + d.role;
    s.address = *address;
    s.id = d.id;
    s.subnet = d.subnet;
    s.from = d.from;
    s.until = d.until;
    s.tried = d.tried;
    s.problem = d.problem;
    add(std::move(s));
  }
  return out;
}

FirewallPlan firewall_plan(const ConnectionConfig& connection, const std::vector<NeededServer>& servers, std::uint64_t serial, WallTime now, FirewallPlan::Place place) {
  FirewallPlan plan;
  plan.serial = serial;
  plan.date = rfc3339(now);
  plan.mode = connection.mode;
  plan.place = place;
  plan.source_ports = connection.source_ports;
  if (const ProxyConfig* proxy = connection.proxy()) plan.proxy = proxy->proxy;
  for (auto& s : servers) {
    plan.destinations.push_back({s.address, s.purpose, s.via});
    const auto net = parse_subnet(s.subnet);
    if (!s.subnet.empty() && net && std::find(plan.nets.begin(), plan.nets.end(), *net) == plan.nets.end()) plan.nets.push_back(*net);
  }
  return plan;
}

std::string mapping_table(const std::vector<NeededServer>& servers, ConnectionMode mode) {
  std::vector<std::vector<std::string>> rows{{"no", "purpose", "destination", "firewall address", "firewall port", "state"}};
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const NeededServer& s = servers[i];
    rows.push_back({std::to_string(i + 1), s.purpose, s.address.to_string(), s.via ? s.via->host : "-", s.via ? std::to_string(s.via->port) : "-", state_of(s, mode)});
  }
  std::string out;
  for (auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      std::size_t width = 0;
      for (auto& r : rows) width = std::max(width, r[c].size());
      line += c + 1 == row.size() ? row[c] : pad(row[c], width + 2);
    }
    out += line + "\n";
  }
  return out;
}

std::string mapping_csv(const std::vector<NeededServer>& servers, ConnectionMode mode) {
  std::string out = "no,purpose,destination address,destination port,protocol,firewall address,firewall port,state\r\n";
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const NeededServer& s = servers[i];
    out += std::to_string(i + 1) + "," + csv(s.purpose) + "," + s.address.ip + "," + std::to_string(s.address.port) + ",TCP," + (s.via ? s.via->host : "") + "," +
           (s.via ? std::to_string(s.via->port) : "") + "," + csv(state_of(s, mode)) + "\r\n";
  }
  return out;
}

}  // namespace farkeep
