#include "transport/firewall_rules_text.hpp"

// Packet filters, but for those of the Linux kernel itself.
namespace farkeep::rules {
namespace {

std::string what(const Flow& flow) {
  return flow.kind == Flow::To::servers ? "to the servers"
         : flow.kind == Flow::To::proxy ? "to the proxy"
                                        : "to the mapped port";
}

void mapped_elsewhere(Sheet& s, const FirewallPlan& plan) {
  if (plan.mode == ConnectionMode::mapped && at_gateway(plan))
    s.prose("The mapping itself is not made here: take the rules for nftables, iptables, haproxy or nginx.");
}

}  // namespace

std::string firewalld(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Load: sh FILE. A policy of our own, before the zones' rules, makes the permission; replies come back by state.");
  if (at_gateway(plan)) s.prose("Write the names of your zones behind inside= and outside=.");
  mapped_elsewhere(s, plan);
  s.caveats(plan);
  s.destinations(plan);
  s.line("set -e");
  if (at_gateway(plan)) s.line("inside=internal outside=external");
  s.line("firewall-cmd --permanent --delete-policy=farkeep-out >/dev/null 2>&1 || true");
  s.line("firewall-cmd --permanent --new-policy=farkeep-out");
  std::string const policy = "firewall-cmd --permanent --policy=farkeep-out ";
  s.line(policy + (at_gateway(plan) ? "--add-ingress-zone=\"$inside\"" : "--add-ingress-zone=HOST"));
  s.line(policy + (at_gateway(plan) ? "--add-egress-zone=\"$outside\"" : "--add-egress-zone=ANY"));
  if (at_gateway(plan)) {
    s.prose(
        "tcp-mss-clamp: where the path is narrower than the LAN (a tunnel, PPPoE) and ICMP is filtered, large packets "
        "would vanish and a session stall at its first full one. It stands before the accepts, which end the chain.");
  }
  for (const Flow& flow : flows(plan)) {
    for (const Subnet& net : flow.nets) {
      std::string rule = "rule family=\"" + std::string{flow.v6 ? "ipv6" : "ipv4"} + "\" ";
      if (!flow.source.empty()) rule += "source address=\"" + flow.source + "\" ";
      rule += "destination address=\"" + net.to_string() + "\" ";
      if (at_gateway(plan) && flow.kind == Flow::To::servers)
        s.rule(flow, policy + "--add-rich-rule='" + rule + "tcp-mss-clamp value=\"pmtu\"'");
      s.rule(flow,
             policy + "--add-rich-rule='" + rule + "port port=\"" + number(flow.port) + "\" protocol=\"tcp\" accept'");
    }
  }
  s.line("firewall-cmd --reload");
  s.note("");
  s.prose("Undo: firewall-cmd --permanent --delete-policy=farkeep-out && firewall-cmd --reload");
  return s.text();
}

std::string ufw(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Load: sh FILE.  ufw (0.36 or later) skips a rule that it has. Replies, and ICMP about them, it admits by "
      "state.");
  mapped_elsewhere(s, plan);
  s.caveats(plan);
  s.destinations(plan);
  s.line("set -e");
  std::vector<std::pair<Flow, std::string>> done;
  for (const Flow& flow : flows(plan)) {
    for (const Subnet& net : flow.nets) {
      std::string rule = at_gateway(plan) ? "allow proto tcp" : "allow out proto tcp";
      if (!flow.source.empty()) rule += " from " + flow.source;
      if (flow.source_ports)
        rule += (flow.source.empty() ? " from any port " : " port ") + range(*flow.source_ports, ":");
      rule += " to " + net.to_string() + " port " + number(flow.port);
      s.rule(flow, (at_gateway(plan) ? "ufw route prepend " : "ufw prepend ") + rule + " comment 'Farkeep, " +
                       what(flow) + "'");
      done.emplace_back(flow, rule);
    }
  }
  s.note("");
  s.prose("Undo:");
  for (auto const& [flow, rule] : done) s.note((at_gateway(plan) ? "  ufw route delete " : "  ufw delete ") + rule);
  return s.text();
}

std::string windows(FirewallPlan plan) {
  plan.place = FirewallPlan::Place::host;
  Sheet s;
  s.note("");
  s.prose(
      "Load: PowerShell as administrator, .\\FILE.ps1. Needed where outgoing connections are blocked unless permitted; "
      "replies come back by state. A blocking rule for the same connection still wins.");
  s.caveats(plan);
  s.destinations(plan);
  s.line("Remove-NetFirewallRule -Group Farkeep -ErrorAction SilentlyContinue");
  int n = 0;
  for (const Flow& flow : flows(plan)) {
    std::string rule = "New-NetFirewallRule -Name Farkeep-" + std::to_string(++n) +
                       " -Group Farkeep -DisplayName \"Farkeep, " + what(flow) +
                       "\" -Direction Outbound -Action Allow -Protocol TCP";
    if (!flow.source.empty()) rule += " -LocalAddress " + flow.source;
    if (flow.source_ports) rule += " -LocalPort " + range(*flow.source_ports, "-");
    s.rule(flow, rule + " -RemoteAddress " + join(flow.nets, ",") + " -RemotePort " + number(flow.port));
  }
  s.note("");
  s.prose("Undo: Remove-NetFirewallRule -Group Farkeep");
  return s.text();
}

std::string pf(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Load: pfctl -a farkeep -f FILE, which replaces what the anchor held. Once, in pf.conf before the rules that "
      "block:");
  s.note("  anchor \"farkeep\"");
  s.prose(
      "Replies, and ICMP about them, come back by state. Where the path is narrower than the LAN (a tunnel, PPPoE) and "
      "ICMP is filtered, large packets would vanish: add a max-mss to your scrub rule.");
  mapped_elsewhere(s, plan);
  s.caveats(plan);
  s.destinations(plan);
  auto const table = [](const Flow& flow) { return (flow.v6 ? "<farkeep6_" : "<farkeep4_") + number(flow.port) + ">"; };
  auto const all = flows(plan);
  for (const Flow& flow : all) {
    if (flow.kind == Flow::To::servers) s.line("table " + table(flow) + " const { " + join(flow.nets, ", ") + " }");
  }
  for (const Flow& flow : all) {
    std::string const to = flow.kind == Flow::To::servers ? table(flow) : flow.nets.front().to_string();
    std::string const family = flow.v6 ? "inet6" : "inet";
    std::string const from = (flow.source.empty() ? "any" : flow.source) +
                             (flow.source_ports ? " port " + range(*flow.source_ports, ":") : "");
    std::string const match = " quick " + family + " proto tcp from ";
    std::string const target = " to " + to + " port " + number(flow.port) + " flags S/SA keep state";
    if (at_gateway(plan)) {
      s.rule(flow, "pass in" + match + from + target + " tag FARKEEP");
      // On the way out the source may have been translated already: the tag says what it was.
      s.rule(flow, "pass out" + match + "any" + target + " tagged FARKEEP");
    } else {
      s.rule(flow, "pass out" + match + from + target);
    }
  }
  s.note("");
  s.prose("Undo: pfctl -a farkeep -F all");
  return s.text();
}

std::string asa(FirewallPlan plan) {
  plan.place = FirewallPlan::Place::gateway;
  Sheet s{"!"};
  s.note("");
  s.prose("Paste in configuration mode. INSIDE_OUT stands for the access list of your inside interface; without one:");
  s.note(
      "  access-group INSIDE_OUT in interface inside     (then INSIDE_OUT must also permit all else that shall pass)");
  s.prose(
      "Line 1 is before all that denies. What is there already is refused as a duplicate, and nothing changes. Replies "
      "come back by state.");
  mapped_elsewhere(s, plan);
  s.caveats(plan);
  s.destinations(plan);
  std::vector<std::string> undo, groups;
  for (const Flow& flow : flows(plan)) {
    std::string to = "host " + flow.ip();
    if (flow.kind == Flow::To::servers) {
      std::string const group = std::string{flow.v6 ? "FARKEEP6-" : "FARKEEP4-"} + number(flow.port);
      s.line("object-group network " + group);
      for (const Subnet& net : flow.nets)
        s.line(" network-object " + (net.is_single() ? "host " + net.ip
                                     : flow.v6       ? net.to_string()
                                                     : net.ip + " " + mask(net)));
      to = "object-group " + group;
      groups.push_back(group);
    }
    std::string const from = flow.source.empty() ? "any" : "host " + flow.source;
    std::string const ports = flow.source_ports ? " range " + range(*flow.source_ports, " ") : "";
    std::string const rule = "extended permit tcp " + from + ports + " " + to + " eq " + number(flow.port);
    s.rule(flow, "access-list INSIDE_OUT line 1 " + rule);
    undo.push_back("  no access-list INSIDE_OUT " + rule);
  }
  s.note("");
  s.prose("Undo:");
  for (auto const& line : undo) s.note(line);
  for (auto const& group : groups) s.note("  no object-group network " + group);
  return s.text();
}

std::string ios(FirewallPlan plan) {
  plan.place = FirewallPlan::Place::gateway;
  Sheet s{"!"};
  s.note("");
  s.prose(
      "Paste in configuration mode. INSIDE-IN and OUTSIDE-IN (INSIDE-IN6 and OUTSIDE-IN6) stand for the access lists "
      "of your inside and outside interface, both inwards; an interface has only one, so the lines go into those that "
      "you have. Numbers from 1 are before all that denies; to make room first: ip access-list resequence NAME 1000 "
      "10. What is there already is refused as a duplicate, and nothing changes. Access lists keep no state: replies "
      "are what has ACK set, to any port that systems of today choose. Where ICMP is filtered on the way: ip tcp "
      "adjust-mss 1452.");
  mapped_elsewhere(s, plan);
  s.caveats(plan);
  s.destinations(plan);
  std::vector<std::string> undo;
  auto const all = flows(plan);
  for (bool const v6 : {false, true}) {
    if (!(v6 ? any_v6(all) : any_v4(all))) continue;
    std::string const end = v6 ? "6" : "";
    auto const address = [&](const Subnet& net) {
      return net.is_single() ? "host " + net.ip : v6 ? net.to_string() : net.ip + " " + wildcard(net);
    };
    for (bool const inwards : {false, true}) {
      std::string const list = (v6 ? "ipv6 access-list " : "ip access-list extended ") +
                               std::string{inwards ? "OUTSIDE-IN" : "INSIDE-IN"} + end;
      s.line(list);
      undo.push_back("  " + list);
      int n = 0;
      auto const put = [&](const Flow* flow, const std::string& rule) {
        ++n;
        std::string const text =
            v6 ? " sequence " + std::to_string(n) + " " + rule : " " + std::to_string(n) + " " + rule;
        flow ? s.rule(*flow, text) : s.line(text);
        undo.push_back("   no " + rule);
      };
      for (const Flow& flow : all) {
        if (flow.v6 != v6) continue;
        std::string const near = flow.source.empty() ? "any" : "host " + flow.source;
        std::string const ports = flow.source_ports ? " range " + range(*flow.source_ports, " ") : "";
        for (const Subnet& net : flow.nets) {
          std::string const far = address(net) + " eq " + number(flow.port);
          put(&flow, inwards ? "permit tcp " + far + " " + near + (ports.empty() ? " gt 1023" : ports) + " established"
                             : "permit tcp " + near + ports + " " + far);
        }
      }
      // Without it a session stalls at its first full packet where the path is narrower than the LAN.
      if (inwards) put(nullptr, "permit icmp any any packet-too-big");
    }
  }
  s.note("");
  s.prose("Undo:");
  for (auto const& line : undo) s.note(line);
  return s.text();
}

}  // namespace farkeep::rules
