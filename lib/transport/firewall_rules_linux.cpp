#include "transport/firewall_rules_text.hpp"

// nftables and iptables: the same flows, clamps and mappings, in two languages.
namespace farkeep::rules {
namespace {

/// The rules towards the servers are for connections that our DNAT rules have mapped.
bool by_dnat(const FirewallPlan& plan) { return plan.mode == ConnectionMode::mapped && at_gateway(plan); }

constexpr std::string_view kWhyClamp =
    "Where the path is narrower than the LAN (a tunnel, PPPoE) and ICMP is filtered, large packets would vanish and a "
    "session stall at its first full one: both ends are told the segment that fits. Before the accepts, which end the "
    "chain.";

/// A mapping in the kernel stays within one family.
struct Nat {
  std::vector<Forward> v4, v6, impossible;
};
Nat nat(const FirewallPlan& plan) {
  Nat out;
  if (!by_dnat(plan)) return out;
  for (const Forward& f : forwards(plan)) {
    if (f.proposed) continue;
    auto const ip = parse_address(f.via.host);
    bool const v6 = f.to.address.is_v6();
    (ip && ip->is_v6() != v6 ? out.impossible : v6 ? out.v6 : out.v4).push_back(f);
  }
  return out;
}
void impossible(Sheet& s, const Nat& nat) {
  for (const Forward& f : nat.impossible) {
    s.note(f.via.to_string() + " cannot be mapped to " + f.to.address.to_string() +
           " here, IPv4 and IPv6 do not mix: take the rules for haproxy or nginx.");
  }
}

// The hook is not in the file: nftables has no "add unless it is there", and a second jump would come with a second
// load.
constexpr std::string_view kNftUse =
    "Load: nft -f FILE. An accept in a table of our own would be worth nothing beside your policy: every base chain is "
    "asked, and a drop in any of them is final. So the rules are a chain in YOUR table, here \"inet filter\", that "
    "your chains jump to. Nothing is permitted before the jump. Once, for the running system (nft list tables shows "
    "what yours is called; change it in all of this text):";

}  // namespace

std::string nftables(const FirewallPlan& plan) {
  std::vector<std::string> hooks{"forward"};
  if (!at_gateway(plan)) hooks = {"output", "input"};
  Sheet s;
  s.note("");
  s.prose(kNftUse);
  for (auto const& hook : hooks) {
    s.note("  nft list chain inet filter " + hook + " | grep -q 'jump farkeep' || nft insert rule inet filter " + hook +
           " jump farkeep");
  }
  s.note(
      "For good, in /etc/nftables.conf: include \"FILE\" behind \"flush ruleset\", and \"jump farkeep\" as first line "
      "of chain " +
      (hooks.size() == 1 ? hooks[0] : hooks[0] + " and of chain " + hooks[1]) + ".");
  s.prose("Other tables that drop (nft list ruleset) must let this through as well.");
  s.caveats(plan);
  s.destinations(plan);

  auto const all = flows(plan);
  std::string const table = "inet filter ";
  auto const set = [](const Flow& f) { return std::string{f.v6 ? "farkeep6_" : "farkeep4_"} + number(f.port); };
  auto const family = [](bool v6) { return std::string{v6 ? "ip6 " : "ip "}; };
  auto const far = [&](const Flow& f) { return f.kind == Flow::To::servers ? "@" + set(f) : f.ip(); };
  std::string const add = "add rule " + table + "farkeep ";

  s.line("add table inet filter");
  for (const Flow& f : all) {
    if (f.kind != Flow::To::servers) continue;
    s.line("add set " + table + set(f) + " { type " + (f.v6 ? "ipv6_addr" : "ipv4_addr") + "; flags interval; }");
    s.line("flush set " + table + set(f));
    s.line("add element " + table + set(f) + " { " + join(f.nets, ", ") + " }");
  }
  s.line("add chain " + table + "farkeep");
  s.line("flush chain " + table + "farkeep");
  if (at_gateway(plan)) {
    s.prose(kWhyClamp);
    for (const Flow& f : all) {
      if (f.kind != Flow::To::servers) continue;
      std::string const clamp = " tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu";
      s.line(add + family(f.v6) + "daddr @" + set(f) + " tcp dport " + number(f.port) + clamp);
      s.line(add + family(f.v6) + "saddr @" + set(f) + " tcp sport " + number(f.port) + clamp);
    }
  }
  for (const Flow& f : all) {
    std::string const nat_only = by_dnat(plan) && f.kind == Flow::To::servers ? "ct status dnat " : "";
    std::string out = add, back = add;
    if (!f.source.empty()) out += family(f.v6) + "saddr " + f.source + " ";
    out += family(f.v6) + "daddr " + far(f) + " ";
    if (f.source_ports) out += "tcp sport " + range(*f.source_ports, "-") + " ";
    s.rule(f, out + "tcp dport " + number(f.port) + " " + nat_only + "ct state new,established counter accept");
    back += family(f.v6) + "saddr " + far(f) + " ";
    if (!f.source.empty()) back += family(f.v6) + "daddr " + f.source + " ";
    s.rule(f, back + "tcp sport " + number(f.port) + " " + nat_only + "ct state established counter accept");
  }
  if (any_v4(all))
    s.line(add + "icmp type destination-unreachable icmp code frag-needed ct state related counter accept");
  if (any_v6(all)) s.line(add + "icmpv6 type packet-too-big ct state related counter accept");

  Nat const mapped = nat(plan);
  impossible(s, mapped);
  for (bool const v6 : {false, true}) {
    if (!by_dnat(plan)) break;
    std::string const own = "table " + family(v6) + "farkeep";
    auto const& list = v6 ? mapped.v6 : mapped.v4;
    s.line("add " + own);
    s.line("delete " + own);
    if (list.empty()) continue;
    s.line(own + " {");
    s.line("  chain prerouting {");
    s.line("    type nat hook prerouting priority dstnat; policy accept;");
    for (const Forward& f : list) {
      // Known by name only, it is one of this machine's own addresses.
      std::string const here = parse_address(f.via.host) ? family(v6) + "daddr " + f.via.host : "fib daddr type local";
      s.line("    " + here + " tcp dport " + number(f.via.port) + " dnat to " + f.to.address.to_string());
    }
    s.line("  }");
    s.line("  chain postrouting {");
    s.line("    type nat hook postrouting priority srcnat; policy accept;");
    s.line("    # The reply must come back to this machine, not go to the agent by another way.");
    for (const Forward& f : list)
      s.line("    " + family(v6) + "daddr " + f.to.address.ip + " tcp dport " + number(f.to.address.port) +
             " ct status dnat masquerade");
    s.line("  }");
    s.line("}");
  }

  s.note("");
  s.prose("Undo: take \"jump farkeep\" and the include out of your file and load that, or on the running system:");
  for (auto const& hook : hooks) {
    s.note("  nft -a list chain inet filter " + hook +
           " | sed -n 's/.*jump farkeep # handle/nft delete rule inet filter " + hook + " handle/p' | sh");
  }
  s.note("  nft delete chain inet filter farkeep");
  for (const Flow& f : all) {
    if (f.kind == Flow::To::servers) s.note("  nft delete set " + table + set(f));
  }
  if (!mapped.v4.empty()) s.note("  nft delete table ip farkeep");
  if (!mapped.v6.empty()) s.note("  nft delete table ip6 farkeep");
  return s.text();
}

namespace {

struct Hook {
  std::string table, from, to;
};

/// One program's part of the script: chains that are replaced at once, then the jumps to them, each only once.
std::vector<Hook> iptables_family(Sheet& s, const FirewallPlan& plan, bool v6, const std::vector<Forward>& mapped) {
  std::string const program = v6 ? "ip6tables" : "iptables";
  std::vector<Hook> hooks;
  s.line(program + "-restore -w --noflush <<'RULES'");
  s.line("*filter");
  s.line(":FARKEEP - [0:0]");
  std::vector<std::string> clamps;
  for (const Flow& f : flows(plan)) {
    if (f.v6 != v6) continue;
    std::string const nat_only = by_dnat(plan) && f.kind == Flow::To::servers ? "-m conntrack --ctstate DNAT " : "";
    for (const Subnet& net : f.nets) {
      std::string out = "-A FARKEEP -p tcp ", back = out;
      std::string const dport = " --dport " + number(f.port), sport = " --sport " + number(f.port);
      if (!f.source.empty()) out += "-s " + f.source + " ", back += "-d " + f.source + " ";
      out += "-d " + net.to_string();
      back += "-s " + net.to_string();
      if (f.source_ports) out += " --sport " + range(*f.source_ports, ":");
      s.rule(f, out + dport + " " + nat_only + "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT");
      s.rule(f, back + sport + " " + nat_only + "-m conntrack --ctstate ESTABLISHED -j ACCEPT");
      if (f.kind != Flow::To::servers) continue;
      std::string const clamp = " --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";
      clamps.push_back("-A FARKEEP -p tcp -d " + net.to_string() + dport + clamp);
      clamps.push_back("-A FARKEEP -p tcp -s " + net.to_string() + sport + clamp);
    }
  }
  s.line(v6 ? "-A FARKEEP -p icmpv6 --icmpv6-type packet-too-big -m conntrack --ctstate RELATED -j ACCEPT"
            : "-A FARKEEP -p icmp --icmp-type fragmentation-needed -m conntrack --ctstate RELATED -j ACCEPT");
  s.line("COMMIT");
  if (at_gateway(plan)) {
    hooks.push_back({"filter", "FORWARD", "FARKEEP"});
  } else {
    hooks.push_back({"filter", "OUTPUT", "FARKEEP"});
    hooks.push_back({"filter", "INPUT", "FARKEEP"});
  }
  if (at_gateway(plan) && !clamps.empty()) {
    s.line("*mangle");
    s.prose(kWhyClamp);
    s.line(":FARKEEP - [0:0]");
    for (auto const& line : clamps) s.line(line);
    s.line("COMMIT");
    hooks.push_back({"mangle", "FORWARD", "FARKEEP"});
  }
  if (!mapped.empty()) {
    s.line("*nat");
    s.line(":FARKEEP-PRE - [0:0]");
    s.line(":FARKEEP-POST - [0:0]");
    for (const Forward& f : mapped) {
      std::string const here = parse_address(f.via.host) ? "-d " + f.via.host : "-m addrtype --dst-type LOCAL";
      s.line("-A FARKEEP-PRE -p tcp " + here + " --dport " + number(f.via.port) + " -j DNAT --to-destination " +
             f.to.address.to_string());
    }
    s.prose("The reply must come back to this machine, not go to the agent by another way.");
    for (const Forward& f : mapped)
      s.line("-A FARKEEP-POST -p tcp -d " + f.to.address.ip + " --dport " + number(f.to.address.port) +
             " -m conntrack --ctstate DNAT -j MASQUERADE");
    s.line("COMMIT");
    hooks.push_back({"nat", "PREROUTING", "FARKEEP-PRE"});
    hooks.push_back({"nat", "POSTROUTING", "FARKEEP-POST"});
  }
  s.line("RULES");
  for (const Hook& h : hooks) {
    std::string const to = h.from + " -j " + h.to;
    s.line(program + " -w -t " + h.table + " -C " + to + " 2>/dev/null || " + program + " -w -t " + h.table + " -I " +
           to);
  }
  return hooks;
}

}  // namespace

std::string iptables(const FirewallPlan& plan) {
  Sheet s;
  s.note("");
  s.prose(
      "Load: sh FILE. The rules are chains of our own; yours jump to them first, and go on with all that is not ours. "
      "For good: run it at boot behind your own rules, or keep what iptables-save prints.");
  s.caveats(plan);
  s.destinations(plan);
  s.line("set -e");
  auto const all = flows(plan);
  Nat const mapped = nat(plan);
  impossible(s, mapped);
  std::vector<std::string> undo;
  for (bool const v6 : {false, true}) {
    if (!(v6 ? any_v6(all) : any_v4(all))) continue;
    std::string const program = v6 ? "  ip6tables -w -t " : "  iptables -w -t ";
    auto const hooks = iptables_family(s, plan, v6, v6 ? mapped.v6 : mapped.v4);
    for (const Hook& h : hooks) undo.push_back(program + h.table + " -D " + h.from + " -j " + h.to);
    for (std::size_t i = 0; i < hooks.size(); ++i) {
      if (i && hooks[i].table == hooks[i - 1].table && hooks[i].to == hooks[i - 1].to) continue;
      undo.push_back(program + hooks[i].table + " -F " + hooks[i].to + ";" + program.substr(1) + hooks[i].table +
                     " -X " + hooks[i].to);
    }
  }
  s.note("");
  s.prose("Undo:");
  for (auto const& line : undo) s.note(line);
  return s.text();
}

}  // namespace farkeep::rules
