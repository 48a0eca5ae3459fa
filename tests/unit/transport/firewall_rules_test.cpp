#include "transport/firewall_rules.hpp"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "crypto/digest.hpp"

using namespace farkeep;

namespace {

enum Net : unsigned { v4 = 1, v6 = 2 };

FirewallPlan plan_of(unsigned nets = v4) {
  FirewallPlan plan;
  plan.serial = 7;
  plan.date = "2026-11-22T12:00:00Z";
  if (nets & v4) {
    plan.nets = {*parse_subnet("204.164.111.0/26"), *parse_subnet("140.239.229.0/26")};
    plan.destinations = {{*parse_address("204.164.111.10"), "your data, primary", {}},
                         {*parse_address("140.239.229.10"), "your data, alternate", {}}};
  }
  if (nets & v6) {
    plan.nets.push_back(*parse_subnet("2001:db8:5::/48"));
    plan.destinations.push_back({*parse_address("2001:db8:5::10"), "your data, by IPv6", {}});
  }
  return plan;
}
FirewallPlan proxied(std::string_view proxy, unsigned nets = v4) {
  FirewallPlan plan = plan_of(nets);
  plan.mode = ConnectionMode::socks;
  plan.proxy = *parse_host(proxy, kSocksPort);
  return plan;
}
FirewallPlan mapped(std::string_view via, std::string_view via6 = "fd00::1") {
  FirewallPlan plan = plan_of(v4 | v6);
  plan.mode = ConnectionMode::mapped;
  std::uint16_t port = 40001;
  for (auto& d : plan.destinations) d.via = *parse_host(d.address.is_v6() ? via6 : via, port), d.via->port = port++;
  return plan;
}
FirewallPlan at_host(FirewallPlan plan) {
  plan.place = FirewallPlan::Place::host;
  return plan;
}

bool has(const std::string& text, std::string_view line) {
  return ("\n" + text).find("\n" + std::string{line} + "\n") != std::string::npos;
}
/// The rules: neither header nor comments.
std::string bare(const std::string& text) {
  std::string out;
  for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
    end = text.find('\n', at);
    if (text[at] != '#' && text[at] != '!') out += text.substr(at, end - at + 1);
  }
  return out;
}
std::string why(std::string_view text) {
  auto const net = parse_subnet(text);
  return net ? "accepted as " + net->to_string() : net.error().text;
}

}  // namespace

TEST_CASE("subnet: a network and an address alone are printed as they were written") {
  for (auto text : {"204.164.111.0/26", "204.164.111.10", "128.0.0.0/1", "2001:db8::/32", "2001:db8::1", "fe80::/10"})
    CHECK(parse_subnet(text)->to_string() == text);
  CHECK(parse_subnet("192.0.2.1/32")->to_string() == "192.0.2.1");
  CHECK(parse_subnet("2001:DB8:0:0::/64")->to_string() == "2001:db8::/64");
}
TEST_CASE("subnet: host bits are refused, and the network that was meant is named") {
  CHECK_THAT(why("204.164.111.70/26"), Catch::Contains("204.164.111.64/26"));
  CHECK_THAT(why("204.164.111.1/31"), Catch::Contains("204.164.111.0/31"));
  CHECK_THAT(why("2001:db8:5:c001::1/49"), Catch::Contains("2001:db8:5:8000::/49"));
  CHECK_THAT(why("2001:db8::1/64"), Catch::Contains("2001:db8::/64") && Catch::Contains("2001:db8::1 for that"));
}
TEST_CASE("subnet: the length is from 1 to the family's last, in plain digits") {
  for (auto text : {"192.0.2.0/33", "192.0.2.0/", "192.0.2.0/024", "192.0.2.0/-1", "192.0.2.0/255.255.255.0"})
    CHECK_THAT(why(text), Catch::Contains("from 1 to 32"));
  CHECK_THAT(why("2001:db8::/129"), Catch::Contains("from 1 to 128"));
  CHECK_THAT(why("0.0.0.0/0"), Catch::Contains("every address"));
  CHECK_THAT(why("::/0"), Catch::Contains("every address"));
}
TEST_CASE("subnet: a port, brackets, a name and the any-address are refused") {
  for (auto text : {"192.0.2.0:16384/24", "192.0.2.1:80", "[2001:db8::]/32", "[2001:db8::1]:16384"})
    CHECK_THAT(why(text), Catch::Contains("has a port"));
  CHECK_THAT(why("servers.example.net/24"), Catch::Contains("not by name"));
  CHECK_THAT(why("0.0.0.0"), Catch::Contains("no server's address"));
  CHECK_FALSE(parse_subnet("").has_value());
  CHECK_FALSE(parse_subnet("/24").has_value());
}
TEST_CASE("subnet: holds its first and last address, not the next, and never the other family") {
  Subnet const net = *parse_subnet("204.164.111.64/26");
  CHECK(net.contains(*parse_address("204.164.111.64")));
  CHECK(net.contains(*parse_address("204.164.111.127")));
  CHECK_FALSE(net.contains(*parse_address("204.164.111.128")));
  CHECK_FALSE(net.contains(*parse_address("204.164.111.63")));
  Subnet const six = *parse_subnet("2001:db8:5::/49");
  CHECK(six.contains(*parse_address("2001:db8:5:7fff::1")));
  CHECK_FALSE(six.contains(*parse_address("2001:db8:5:8000::1")));
  CHECK_FALSE(six.contains(*parse_address("204.164.111.64")));
  CHECK_FALSE(net.contains(*parse_subnet("204.164.111.0/25")));
}

TEST_CASE("rules: the header's SHA-256 is that of all below it, and names product, date and serial") {
  for (std::size_t i = 0; i < rule_formats().size(); ++i) {
    std::string const text = firewall_rules(mapped("192.168.77.1"), static_cast<RuleFormat>(i));
    std::size_t const first = text.find('\n'), second = text.find('\n', first + 1);
    CHECK_THAT(text.substr(0, first), Catch::Contains("Farkeep") && Catch::Contains(std::string{rule_formats()[i]}) &&
                                          Catch::Contains("2026-11-22T12:00:00Z") && Catch::EndsWith("directory 7"));
    CHECK(text.substr(second - 64, 64) == sha256(as_bytes(std::string_view{text}.substr(second + 1))).hex());
  }
}
TEST_CASE("rules: a purpose or date with a line break stays a comment") {
  FirewallPlan plan = plan_of();
  plan.date = "today\nreboot";
  plan.destinations[0].purpose = "x\nreboot\r";
  for (std::size_t i = 0; i < rule_formats().size(); ++i)
    CHECK_THAT(bare(firewall_rules(plan, static_cast<RuleFormat>(i))), !Catch::Contains("reboot"));
}
TEST_CASE("rules: nets that repeat or lie in others, and other ports, become sets without overlaps") {
  FirewallPlan plan = plan_of();
  plan.nets.insert(plan.nets.begin(), *parse_subnet("204.164.111.0/28"));
  plan.nets.push_back(plan.nets[1]);
  plan.destinations.push_back({*parse_address("140.239.229.11:17000"), "", {}});
  plan.destinations.push_back({*parse_address("192.0.2.9:17000"), "in no net", {}});
  std::string const text = firewall_rules(plan, RuleFormat::nftables);
  CHECK(has(text, "add element inet filter farkeep4_16384 { 204.164.111.0/26, 140.239.229.0/26 }"));
  CHECK(has(text, "add element inet filter farkeep4_17000 { 140.239.229.0/26, 192.0.2.9 }"));
}
TEST_CASE("rules: without nets the destinations are opened one by one") {
  FirewallPlan plan = plan_of(v4 | v6);
  plan.nets.clear();
  CHECK_THAT(firewall_rules(plan, RuleFormat::windows), Catch::Contains("-RemoteAddress 204.164.111.10,140.239.229.10 "));
  CHECK_THAT(firewall_rules(plan, RuleFormat::ios), Catch::Contains(" permit tcp any host 204.164.111.10 eq 16384"));
  CHECK_THAT(firewall_rules(plan, RuleFormat::asa), Catch::Contains(" network-object host 2001:db8:5::10\n"));
}
TEST_CASE("rules: by proxy, only its address reaches the servers, and agents reach it") {
  std::string const text = bare(firewall_rules(proxied("192.168.77.9"), RuleFormat::nftables));
  CHECK(has(text, "add rule inet filter farkeep ip daddr 192.168.77.9 tcp dport 1080 ct state new,established counter accept"));
  CHECK(has(text, "add rule inet filter farkeep ip saddr 192.168.77.9 ip daddr @farkeep4_16384 tcp dport 16384 ct state "
                  "new,established counter accept"));
  CHECK(has(bare(firewall_rules(proxied("192.168.77.9"), RuleFormat::iptables)),
            "-A FARKEEP -p tcp -d 192.168.77.9 -s 204.164.111.0/26 --sport 16384 -m conntrack --ctstate ESTABLISHED -j ACCEPT"));
}
TEST_CASE("rules: a proxy known by name gives a comment to fill in, and no source") {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(RuleFormat::ios); ++i) {
    std::string const text = firewall_rules(proxied("Proxy.example.net"), static_cast<RuleFormat>(i));
    INFO(text);
    CHECK_THAT(bare(text), !Catch::Contains("proxy.example.net"));
    CHECK_THAT(text, Catch::Contains("from which proxy.example.net connects by IPv4 is not known"));
    CHECK_THAT(text, Catch::Contains("ADDRESS-OF-proxy.example.net"));
  }
  CHECK(has(firewall_rules(at_host(proxied("proxy.example.net")), RuleFormat::ufw),
            "ufw prepend allow out proto tcp to 204.164.111.0/26 port 16384 comment 'Farkeep, to the servers'"));
}
TEST_CASE("rules: a proxy of one family is no source of the other") {
  std::string const text = bare(firewall_rules(proxied("192.168.77.9", v4 | v6), RuleFormat::pf));
  CHECK(has(text, "pass in quick inet proto tcp from 192.168.77.9 to <farkeep4_16384> port 16384 flags S/SA keep state tag FARKEEP"));
  CHECK(has(text, "pass in quick inet6 proto tcp from any to <farkeep6_16384> port 16384 flags S/SA keep state tag FARKEEP"));
}
TEST_CASE("rules: mapped, a gateway maps each port and lets only what is mapped through") {
  std::string const nft = bare(firewall_rules(mapped("192.168.77.1"), RuleFormat::nftables));
  CHECK(has(nft, "    ip daddr 192.168.77.1 tcp dport 40002 dnat to 140.239.229.10:16384"));
  CHECK(has(nft, "    ip6 daddr fd00::1 tcp dport 40003 dnat to [2001:db8:5::10]:16384"));
  CHECK(has(nft, "    ip daddr 204.164.111.10 tcp dport 16384 ct status dnat masquerade"));
  CHECK(has(nft, "add rule inet filter farkeep ip daddr @farkeep4_16384 tcp dport 16384 ct status dnat ct state new,established "
                 "counter accept"));
  CHECK(has(nft, "add rule inet filter farkeep ip daddr 192.168.77.1 tcp dport 40001 ct state new,established counter accept"));
  std::string const ipt = bare(firewall_rules(mapped("192.168.77.1"), RuleFormat::iptables));
  CHECK(has(ipt, "-A FARKEEP-PRE -p tcp -d fd00::1 --dport 40003 -j DNAT --to-destination [2001:db8:5::10]:16384"));
}
TEST_CASE("rules: mapped, the agent's own machine reaches nothing but the firewall's ports") {
  for (auto format : {RuleFormat::nftables, RuleFormat::iptables, RuleFormat::ufw, RuleFormat::windows}) {
    std::string const text = bare(firewall_rules(at_host(mapped("192.168.77.1")), format));
    CHECK_THAT(text, Catch::Contains("40001") && Catch::Contains("fd00::1") && !Catch::Contains("204.164.111"));
  }
}
TEST_CASE("rules: mapped by a name, the port is one of the gateway's own addresses") {
  FirewallPlan const plan = mapped("fw.example.net", "fw.example.net");
  CHECK(has(firewall_rules(plan, RuleFormat::nftables), "    fib daddr type local tcp dport 40001 dnat to 204.164.111.10:16384"));
  CHECK(has(firewall_rules(plan, RuleFormat::iptables),
            "-A FARKEEP-PRE -p tcp -m addrtype --dst-type LOCAL --dport 40001 -j DNAT --to-destination 204.164.111.10:16384"));
  CHECK(has(firewall_rules(plan, RuleFormat::haproxy), "  bind fw.example.net:40003"));
}
TEST_CASE("rules: a port that is IPv4 cannot be mapped to IPv6 in the kernel, and the text says so") {
  std::string const text = firewall_rules(mapped("192.168.77.1", "192.168.77.1"), RuleFormat::nftables);
  CHECK_THAT(text, Catch::Contains("# 192.168.77.1:40003 cannot be mapped to [2001:db8:5::10]:16384"));
  CHECK_THAT(bare(text), !Catch::Contains("dnat to [2001"));
}
TEST_CASE("rules: a proposed port is none that is taken") {
  FirewallPlan plan = plan_of(v4 | v6);
  plan.destinations[1].via = *parse_host("192.168.77.1:40001", 0);
  std::string const text = firewall_rules(plan, RuleFormat::haproxy);
  CHECK(has(text, "  bind :40002\n  server s 204.164.111.10:16384"));
  CHECK(has(text, "  bind 192.168.77.1:40001\n  server s 140.239.229.10:16384"));
  CHECK(has(text, "  bind :40003\n  server s [2001:db8:5::10]:16384"));
}
TEST_CASE("rules: source ports are those of the agent's connections, not of the proxy's") {
  FirewallPlan plan = plan_of();
  plan.source_ports = PortRange{1024, 5000};
  CHECK_THAT(bare(firewall_rules(plan, RuleFormat::nftables)),
             Catch::Contains("ip daddr @farkeep4_16384 tcp sport 1024-5000 tcp dport 16384 ct state new,established"));
  CHECK_THAT(bare(firewall_rules(plan, RuleFormat::iptables)), Catch::Contains("-d 140.239.229.0/26 --sport 1024:5000 --dport 16384 "));
  plan.mode = ConnectionMode::http;
  plan.proxy = *parse_host("192.168.77.9", kHttpProxyPort);
  std::string const text = bare(firewall_rules(plan, RuleFormat::nftables));
  CHECK_THAT(text, Catch::Contains("ip daddr 192.168.77.9 tcp sport 1024-5000 tcp dport 3128 ct state new,established"));
  CHECK_THAT(text, Catch::Contains("ip daddr @farkeep4_16384 tcp dport 16384 ct state new,established"));
}

namespace {

/// A folder with the text as `rules`, gone at the end.
struct Trial {
  std::filesystem::path folder;
  explicit Trial(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "farkeep-rules-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    folder = name;
    std::ofstream{folder / "rules"} << text;
  }
  ~Trial() { std::filesystem::remove_all(folder); }
  bool run(const std::string& script) const {
    // Tools of the administrator are in sbin, which is not in everybody's path.
    return std::system(("cd '" + folder.string() + "' && PATH=\"$PATH:/usr/sbin:/sbin\" && " + script + " >out 2>&1").c_str()) == 0;
  }
  std::string said() const {
    std::ifstream in{folder / "out"};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
};

std::vector<FirewallPlan> all_plans() {
  std::vector<FirewallPlan> out{plan_of(), plan_of(v6), plan_of(v4 | v6), proxied("192.168.77.9", v4 | v6),
                                proxied("proxy.example.net"), mapped("192.168.77.1"), mapped("fw.example.net")};
  out[2].source_ports = PortRange{1024, 5000};
  for (std::size_t i = 0, n = out.size(); i < n; ++i) out.push_back(at_host(out[i]));
  return out;
}

/// In a network namespace of its own, beside a policy that drops: nothing of this machine is touched.
void load_twice(RuleFormat format, const std::string& tools, const std::string& before, const std::string& load,
                const std::string& list) {
  if (!Trial{""}.run("unshare -n sh -c '" + tools + "'")) {
    WARN("skipped: needs root, network namespaces and " << rule_formats()[static_cast<std::size_t>(format)]);
    return;
  }
  for (const FirewallPlan& plan : all_plans()) {
    std::string const text = firewall_rules(plan, format);
    Trial const trial{text};
    std::ofstream{trial.folder / "try"} << "set -e\n" << before << "{ " << list << "; } >empty\n" << load << "{ " << list
                                        << "; } >once\n" << load << "{ " << list << "; } >twice\n"
                                        << "cmp once twice\n! cmp -s empty once\n"
                                        << "sed -n '/^# Undo/,$ s/^#   //p' rules >undo\nsh -e undo\n{ " << list
                                        << "; } >undone\n! grep -i farkeep undone\n";
    bool const good = trial.run("unshare -n sh try");
    INFO(text << trial.said());
    CHECK(good);
  }
}

}  // namespace

TEST_CASE("rules: nft takes every text twice with one effect, and the undo leaves nothing") {
  std::string const before =
      "nft 'table inet filter { chain input { type filter hook input priority 0; policy drop; }; chain forward { type filter "
      "hook forward priority 0; policy drop; }; chain output { type filter hook output priority 0; policy drop; }; }'\n";
  load_twice(RuleFormat::nftables, "nft list ruleset", before,
             "nft -c -f - <rules\nnft -f rules\nsed -n 's/^#   \\(nft list chain .*insert.*\\)/\\1/p' rules >hook\nsh -e hook\n",
             "nft list ruleset");
}
TEST_CASE("rules: iptables takes every text twice with one effect, and the undo leaves nothing") {
  load_twice(RuleFormat::iptables, "iptables -w -S && ip6tables -w -S && iptables-save", "", "sh -n rules\nsh rules\n",
             "for p in iptables ip6tables; do for t in filter mangle nat; do $p -w -t $t -S; done; done");
}
TEST_CASE("rules: the shell takes the scripts") {
  for (auto format : {RuleFormat::iptables, RuleFormat::firewalld, RuleFormat::ufw}) {
    for (const FirewallPlan& plan : all_plans()) CHECK(Trial{firewall_rules(plan, format)}.run("sh -n rules"));
  }
}
