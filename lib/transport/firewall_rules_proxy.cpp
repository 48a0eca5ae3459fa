#include <algorithm>

#include "transport/firewall_rules_text.hpp"

// Proxies that are told the destination (squid, dante, ssh), and forwarders with a port for each (haproxy, nginx, ssh).
namespace farkeep::rules {
namespace {

std::string bracketed(const std::string& host) { return host.find(':') == host.npos ? host : "[" + host + "]"; }

/// `192.0.2.1:40001`; of any address: `:40001`.
std::string listen_at(const Forward& f) {
  return (f.via.host.empty() ? "" : bracketed(f.via.host)) + ":" + number(f.via.port);
}

/// What a forward is for, as a comment above it.
std::string about(const Forward& f) {
  return (f.to.purpose.empty() ? f.to.address.to_string() : f.to.purpose) +
         (f.proposed ? " (not mapped yet: tell the agent this port)" : "");
}

/// Where agents may be unless the administrator says it better.
constexpr std::string_view kPrivate4[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};
constexpr std::string_view kPrivate6[] = {"fc00::/7", "fe80::/10"};

}  // namespace

std::string squid(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Save as /etc/squid/farkeep.conf, and write this line into squid.conf BEFORE its first http_access line (behind "
      "\"http_access deny CONNECT !SSL_ports\" it would come too late), then squid -k reconfigure:");
  s.note("  include /etc/squid/farkeep.conf");
  s.prose(
      "farkeep_agents: the networks of your agents. Do not inspect TLS to these destinations: agents would refuse the "
      "session.");
  s.destinations(plan);
  s.line("acl farkeep_connect method CONNECT");
  for (auto net : kPrivate4) s.line("acl farkeep_agents src " + std::string{net});
  for (auto net : kPrivate6) s.line("acl farkeep_agents src " + std::string{net});
  auto const flows = server_flows(plan);
  std::vector<std::uint16_t> ports;
  for (const Flow& f : flows) {
    s.line("acl farkeep_sites_" + number(f.port) + " dst " + join(f.nets, " "));
    if (std::find(ports.begin(), ports.end(), f.port) == ports.end()) ports.push_back(f.port);
  }
  for (auto port : ports) {
    std::string const p = number(port);
    s.line("acl farkeep_port_" + p + " port " + p);
    s.line("http_access allow farkeep_connect farkeep_agents farkeep_port_" + p + " farkeep_sites_" + p);
  }
  s.note("");
  s.prose("Undo: take the include line out, squid -k reconfigure.");
  return s.text();
}

std::string dante(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Put into danted.conf, in place of an earlier text of this kind, before its other socks rules, and restart "
      "danted. With two uplinks also write: external.rotation: route. Who may use the proxy at all is said by your "
      "client rules.");
  s.destinations(plan);
  for (const Flow& f : server_flows(plan)) {
    for (const Subnet& net : f.nets) {
      s.line("socks pass {");
      s.line("  from: 0/0 to: " + (net.is_single() ? net.ip + (f.v6 ? "/128" : "/32") : net.to_string()) +
             " port = " + number(f.port));
      s.line("  protocol: tcp");
      s.line("  command: connect");
      s.line("  log: connect error");
      s.line("}");
    }
  }
  s.note("");
  s.prose("Undo: take the text out of danted.conf, restart danted.");
  return s.text();
}

std::string ssh(const FirewallPlan& plan) {
  bool const mapped = plan.mode == ConnectionMode::mapped;
  std::string permit, listen;
  Sheet s;
  s.note("");
  s.prose(
      "Save as /etc/ssh/sshd_config.d/farkeep.conf on the ssh server, make a user farkeep with the key of the machine "
      "that connects, sshd -t, and reload sshd. PermitOpen takes addresses, not networks: make it anew when they "
      "change.");
  s.destinations(plan);
  std::vector<ServerAddress> seen;
  for (const Forward& f : forwards(plan)) {
    if (std::find(seen.begin(), seen.end(), f.to.address) == seen.end()) permit += " " + f.to.address.to_string();
    seen.push_back(f.to.address);
    listen += " -L " + (f.via.host.empty() ? "127.0.0.1:" + number(f.via.port) : listen_at(f)) + ":" +
              f.to.address.to_string();
  }
  s.line("Match User farkeep");
  s.line("  AllowTcpForwarding local");
  s.line("  PermitOpen" + (permit.empty() ? " none" : permit));
  s.line("  AllowAgentForwarding no");
  s.line("  X11Forwarding no");
  s.line("  PermitTTY no");
  s.line("Match all");
  s.note("");
  std::string const options = "  ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30";
  s.note(mapped ? "Run under a supervisor, on the machine that has the mapped ports' address (-L binds it):"
                : "Run under a supervisor on the agent's machine, whose proxy is then SOCKS at 127.0.0.1:1080:");
  s.note(options + (mapped ? listen : " -D 127.0.0.1:1080") + " farkeep@SSH-SERVER");
  s.note("");
  s.prose("Undo: remove the file, reload sshd.");
  return s.text();
}

std::string haproxy(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Save as /etc/haproxy/conf.d/farkeep.cfg if haproxy is started with -f /etc/haproxy/conf.d, or append it to "
      "haproxy.cfg in place of an earlier one; then reload. Never \"mode http\" and never ssl here: the session is "
      "encrypted end to end.");
  s.destinations(plan);
  int n = 0;
  for (const Forward& f : forwards(plan)) {
    s.note(about(f));
    s.line("listen farkeep-" + std::to_string(++n));
    s.line("  mode tcp");
    s.line("  timeout connect 5s");
    s.line("  timeout client 1h");
    s.line("  timeout server 1h");
    s.line("  option clitcpka");
    s.line("  option srvtcpka");
    s.line("  bind " + listen_at(f));
    s.line("  server s " + f.to.address.to_string());
  }
  s.note("");
  s.prose("Undo: remove the text, reload haproxy.");
  return s.text();
}

std::string nginx(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Save as /etc/nginx/farkeep.conf and write into nginx.conf, outside of http { } (the stream module must be "
      "loaded), then nginx -t and nginx -s reload:");
  s.note("  stream { include /etc/nginx/farkeep.conf; }");
  s.destinations(plan);
  for (const Forward& f : forwards(plan)) {
    s.note(about(f));
    s.line("server {");
    s.line("  listen " + (f.via.host.empty() ? number(f.via.port) : listen_at(f)) + " so_keepalive=on;");
    s.line("  proxy_connect_timeout 5s;");
    s.line("  proxy_timeout 1h;");
    s.line("  proxy_socket_keepalive on;");
    s.line("  proxy_pass " + f.to.address.to_string() + ";");
    s.line("}");
  }
  s.note("");
  s.prose("Undo: take the include out, nginx -s reload.");
  return s.text();
}

}  // namespace farkeep::rules
