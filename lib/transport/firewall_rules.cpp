#include "transport/firewall_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include "config/parsed.hpp"
#include "crypto/digest.hpp"
#include "transport/firewall_rules_text.hpp"

namespace farkeep {
namespace {

constexpr std::array<std::string_view, 13> kFormats{"nftables", "iptables", "firewalld", "ufw",   "windows",
                                                    "pf",       "asa",      "ios",       "squid", "dante",
                                                    "ssh",      "haproxy",  "nginx"};
static_assert(static_cast<std::size_t>(RuleFormat::nginx) + 1 == kFormats.size());

/// The bits of a canonical address, 4 or 16 bytes.
std::vector<std::uint8_t> bytes_of(std::string_view ip) {
  std::vector<std::uint8_t> out;
  bool const v6 = ip.find(':') != ip.npos;
  auto const part = [&](std::string_view text) {
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, v6 ? 16 : 10);
    if (v6) out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
  };
  auto const parts = [&](std::string_view text) {
    while (!text.empty()) {
      std::size_t const end = std::min(text.find(v6 ? ':' : '.'), text.size());
      part(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  };
  std::size_t const gap = ip.find("::");
  parts(ip.substr(0, gap));
  if (gap == ip.npos) return out;
  std::size_t const before = out.size();
  parts(ip.substr(gap + 2));
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(before), 16 - out.size(), 0);
  return out;
}

std::string text_of(const std::vector<std::uint8_t>& bytes) {
  std::string out;
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes.size() == 4) {
      out += (i ? "." : "") + std::to_string(bytes[i]);
    } else {
      if (i && i % 2 == 0) out += ':';
      (out += kHex[bytes[i] >> 4]) += kHex[bytes[i] & 15];
    }
  }
  return out;
}

/// The bytes with all but the first bits zero.
std::vector<std::uint8_t> masked(std::vector<std::uint8_t> bytes, unsigned bits) {
  for (unsigned i = 0; i < bytes.size(); ++i) {
    unsigned const kept = std::clamp(bits, 8 * i, 8 * i + 8) - 8 * i;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> kept));
  }
  return bytes;
}

}  // namespace

std::span<const std::string_view> rule_formats() { return kFormats; }

Subnet Subnet::of(const ServerAddress& address) { return {address.ip, address.is_v6() ? 128u : 32u}; }

bool Subnet::contains(const Subnet& other) const {
  return is_v6() == other.is_v6() && bits <= other.bits && masked(bytes_of(other.ip), bits) == bytes_of(ip);
}
bool Subnet::contains(const ServerAddress& address) const { return contains(of(address)); }

std::string Subnet::to_string() const { return is_single() ? ip : ip + "/" + std::to_string(bits); }

Value<Subnet> parse_subnet(std::string_view text) {
  constexpr std::string_view kForm = "write network/length, such as 192.0.2.0/24, or an IP address";
  std::size_t const slash = text.find('/');
  std::string_view const host = text.substr(0, slash);
  auto const address = parse_address(host);
  if (!address) return address.error();
  if (host.starts_with('[') || (!address->is_v6() && host.find(':') != host.npos))
    return refused(in_quotes(text) + " has a port, but a network has none: " + std::string{kForm});
  Subnet out = Subnet::of(*address);
  if (slash == text.npos) {
    if (address->is_any()) return refused(in_quotes(text) + " is no server's address: " + std::string{kForm});
    return out;
  }
  std::string_view const length = text.substr(slash + 1);
  auto const bits = parse_number(length, 0, out.bits);
  if (!bits || (length.size() > 1 && length[0] == '0')) {
    return refused(in_quotes(text) + ": behind the slash stands the number of network bits, from 1 to " +
                   std::to_string(out.bits));
  }
  if (*bits == 0) return refused(in_quotes(text) + " would permit every address: name the networks of the servers");
  out.bits = static_cast<unsigned>(*bits);
  auto const net = masked(bytes_of(out.ip), out.bits);
  if (net != bytes_of(out.ip)) {
    auto const meant = parse_address(text_of(net));
    std::string const network =
        meant ? Subnet{meant->ip, out.bits}.to_string() : text_of(net) + "/" + std::to_string(out.bits);
    return refused(in_quotes(text) + " is an address inside a network: write " + network + " for the network, or " +
                   out.ip + " for that address alone");
  }
  return out;
}

namespace rules {

std::string number(std::uint64_t n) { return std::to_string(n); }

std::string mask(const Subnet& v4) { return text_of(masked({255, 255, 255, 255}, v4.bits)); }

std::string wildcard(const Subnet& v4) {
  auto bytes = masked({255, 255, 255, 255}, v4.bits);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(~b);
  return text_of(bytes);
}

std::string join(const std::vector<Subnet>& nets, std::string_view separator) {
  std::string out;
  for (const Subnet& net : nets) out.append(out.empty() ? "" : separator) += net.to_string();
  return out;
}

bool has_proxy(const FirewallPlan& plan) {
  return plan.proxy && (plan.mode == ConnectionMode::socks || plan.mode == ConnectionMode::http);
}

std::vector<Flow> server_flows(const FirewallPlan& plan) {
  std::map<std::tuple<bool, std::uint16_t>, std::vector<Subnet>> wanted;
  auto const want = [&](const Subnet& net, std::uint16_t port) { wanted[{net.is_v6(), port}].push_back(net); };
  for (const Subnet& net : plan.nets) {
    bool used = false;
    for (auto const& d : plan.destinations) {
      if (net.contains(d.address)) want(net, d.address.port), used = true;
    }
    if (!used) want(net, kServerPort);
  }
  for (auto const& d : plan.destinations) {
    auto const holds = [&](const Subnet& net) { return net.contains(d.address); };
    if (std::none_of(plan.nets.begin(), plan.nets.end(), holds)) want(Subnet::of(d.address), d.address.port);
  }
  std::vector<Flow> out;
  for (auto const& [key, nets] : wanted) {
    Flow flow;
    std::tie(flow.v6, flow.port) = key;
    // Without repetitions and nets inside others: nftables refuses sets that overlap.
    for (const Subnet& net : nets) {
      auto const covers = [&](const Subnet& other) { return other.contains(net); };
      if (std::any_of(flow.nets.begin(), flow.nets.end(), covers)) continue;
      std::erase_if(flow.nets, [&](const Subnet& other) { return net.contains(other); });
      flow.nets.push_back(net);
    }
    out.push_back(std::move(flow));
  }
  return out;
}

std::vector<Flow> flows(const FirewallPlan& plan) {
  std::vector<Flow> out;
  auto const to_host = [&](Flow::To kind, const HostAddress& host) {
    Flow flow;
    flow.kind = kind;
    flow.port = host.port;
    flow.source_ports = plan.source_ports;
    if (auto const ip = parse_address(host.host)) {
      flow.v6 = ip->is_v6();
      flow.nets = {Subnet::of(*ip)};
    } else {
      flow.by_name = true;
      flow.nets = {Subnet{"ADDRESS-OF-" + host.host, 32}};
    }
    out.push_back(std::move(flow));
  };
  bool const proxied = has_proxy(plan);
  if (proxied) to_host(Flow::To::proxy, *plan.proxy);
  if (plan.mode == ConnectionMode::mapped) {
    std::set<HostAddress> seen;
    for (auto const& d : plan.destinations) {
      if (d.via && seen.insert(*d.via).second) to_host(Flow::To::mapped, *d.via);
    }
    if (plan.place == FirewallPlan::Place::host) return out;
  }
  for (Flow& flow : server_flows(plan)) {
    if (plan.mode == ConnectionMode::direct) flow.source_ports = plan.source_ports;
    // A proxy may have addresses of both families; only this one is known.
    if (proxied && !out.front().by_name && out.front().v6 == flow.v6) flow.source = plan.proxy->host;
    out.push_back(std::move(flow));
  }
  return out;
}

bool any_v4(const std::vector<Flow>& flows) {
  return std::any_of(flows.begin(), flows.end(), [](const Flow& f) { return !f.v6; });
}
bool any_v6(const std::vector<Flow>& flows) {
  return std::any_of(flows.begin(), flows.end(), [](const Flow& f) { return f.v6; });
}

std::vector<Forward> forwards(const FirewallPlan& plan) {
  constexpr std::uint16_t kFirst = 40001;
  std::set<std::uint16_t> taken;
  for (auto const& d : plan.destinations) {
    if (d.via) taken.insert(d.via->port);
  }
  std::vector<Forward> out;
  std::set<std::tuple<ServerAddress, std::optional<HostAddress>>> seen;
  for (auto const& d : plan.destinations) {
    if (!seen.emplace(d.address, d.via).second) continue;
    Forward forward{d, d.via.value_or(HostAddress{}), !d.via};
    if (forward.proposed) {
      forward.via.port = kFirst;
      while (!taken.insert(forward.via.port).second) ++forward.via.port;
    }
    out.push_back(std::move(forward));
  }
  return out;
}

void Sheet::note(std::string_view text) {
  text_ += comment_;
  if (!text.empty()) text_ += ' ';
  for (char c : text) text_ += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  text_ += '\n';
}

void Sheet::prose(std::string_view text) {
  constexpr std::size_t kWidth = 110;
  while (text.size() > kWidth) {
    std::size_t const space = text.rfind(' ', kWidth);
    if (space == text.npos || space == 0) break;
    note(text.substr(0, space));
    text.remove_prefix(space + 1);
  }
  note(text);
}

void Sheet::destinations(const FirewallPlan& plan) {
  note("");
  note("Destinations (TCP, outbound only):");
  for (auto const& d : plan.destinations) {
    note("  " + d.address.to_string() + (d.purpose.empty() ? "" : "  " + d.purpose) +
         (d.via ? "  by way of " + d.via->to_string() : ""));
  }
  if (!plan.nets.empty()) note("  in the networks " + join(plan.nets, " "));
}

void Sheet::caveats(const FirewallPlan& plan) {
  auto const all = flows(plan);
  if (std::any_of(all.begin(), all.end(), [](const Flow& f) { return f.by_name; }))
    note(
        "A packet filter knows no names: put the address in where ADDRESS-OF-... stands, and take away that line's "
        "comment sign.");
  for (const Flow& flow : all) {
    if (!has_proxy(plan) || flow.kind != Flow::To::servers || !flow.source.empty()) continue;
    note("The address from which " + plan.proxy->host + " connects by " + (flow.v6 ? "IPv6" : "IPv4") +
         " is not known here: towards the servers no source is named.");
  }
}

}  // namespace rules

std::string firewall_rules(const FirewallPlan& plan, RuleFormat format) {
  std::string const body = [&] {
    switch (format) {
      case RuleFormat::nftables:
        return rules::nftables(plan);
      case RuleFormat::iptables:
        return rules::iptables(plan);
      case RuleFormat::firewalld:
        return rules::firewalld(plan);
      case RuleFormat::ufw:
        return rules::ufw(plan);
      case RuleFormat::windows:
        return rules::windows(plan);
      case RuleFormat::pf:
        return rules::pf(plan);
      case RuleFormat::asa:
        return rules::asa(plan);
      case RuleFormat::ios:
        return rules::ios(plan);
      case RuleFormat::squid:
        return rules::squid(plan);
      case RuleFormat::dante:
        return rules::dante(plan);
      case RuleFormat::ssh:
        return rules::ssh(plan);
      case RuleFormat::haproxy:
        return rules::haproxy(plan);
      case RuleFormat::nginx:
        return rules::nginx(plan);
    }
    return std::string{};
  }();
  bool const cisco = format == RuleFormat::asa || format == RuleFormat::ios;
  rules::Sheet header(cisco ? "!" : "#");
  header.note("Farkeep: rules for " + std::string{kFormats[static_cast<std::size_t>(format)]} + ", made " + plan.date +
              " from address directory " + std::to_string(plan.serial));
  header.note("SHA-256 of all below this line (tail -n +3 FILE | sha256sum): " + sha256(as_bytes(body)).hex());
  return header.text() + body;
}

}  // namespace farkeep
