#include "agent/way_out.hpp"

#include <algorithm>

#include "agent/tls_servers.hpp"
#include "agent/vault_client.hpp"
#include "transport/peer.hpp"
#include "wire/refusal.hpp"

namespace farkeep {
namespace {

std::string pad(const std::string& text, std::size_t width) { return text.size() < width ? text + std::string(width - text.size(), ' ') : text; }

std::string state_of(const NeededServer& s, ConnectionMode mode) {
  if (s.from) return "announced, from " + rfc3339(*s.from);
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

task<Probe> probe(SecureDialer& dialer, Timers& timers, const Clock& clock, NeededServer server) {
  Probe out;
  try {
    const Endpoint destination = value_or_throw(Endpoint::parse(server.address.to_string()), "reading the address " + server.address.to_string());
    ExpectedServer expected = destination.address;
    if (server.id) expected = *server.id;
    std::function<task<void>(Peer&)> talk = [&](Peer& peer) -> task<void> {
      out.answered = peer.identity().server;
      const auto reply = co_await VaultClient::hello(peer, clock);
      out.text = "server " + peer.identity().server.brief() + " answers, " + reply.software();
    };
    co_await with_peer(dialer, timers, destination, std::move(expected), std::move(talk));
    out.works = true;
  } catch (const wrong_server& e) {
    out.answered = e.found();
    out.code = Errc::identity;
    out.text = e.what();
  } catch (const proxy_error& e) {
    out.trouble = e.trouble();
    out.code = classify(e.code());
    out.text = e.what();
  } catch (const wire::Refusal& e) {
    // It has proved itself and cannot serve right now: the way is free.
    out.code = classify(e.code());
    out.works = out.code == Errc::busy;
    out.text = e.what();
  } catch (const failure& e) {
    out.code = classify(e.code());
    out.text = e.what();
  }
  co_return out;
}

std::optional<std::string> exchanged(const std::vector<NeededServer>& servers, const std::vector<Probe>& probes) {
  for (std::size_t i = 0; i < servers.size(); ++i) {
    for (std::size_t j = i + 1; j < servers.size(); ++j) {
      if (!servers[i].id || !servers[j].id || !servers[i].via || !servers[j].via || servers[i].id == servers[j].id) continue;
      if (probes[i].works || probes[j].works || probes[i].answered != servers[j].id || probes[j].answered != servers[i].id) continue;
      return "the firewall ports of rows " + std::to_string(i + 1) + " and " + std::to_string(j + 1) + " are exchanged: " + servers[i].via->to_string() + " leads to " +
             servers[j].address.to_string() + ", and " + servers[j].via->to_string() + " to " + servers[i].address.to_string();
    }
  }
  return std::nullopt;
}

}  // namespace farkeep
