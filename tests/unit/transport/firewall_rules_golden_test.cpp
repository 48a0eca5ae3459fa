#include <catch2/catch.hpp>

#include "crypto/digest.hpp"
#include "transport/firewall_rules.hpp"

using namespace farkeep;

namespace {

// A net of each family, a destination that is in none, a mapped one.
FirewallPlan plan() {
  FirewallPlan plan;
  plan.serial = 7;
  plan.date = "2026-11-22T12:00:00Z";
  plan.nets = {*parse_subnet("204.164.111.0/26"), *parse_subnet("2001:db8:5::/48")};
  plan.destinations = {{*parse_address("204.164.111.10"), "your data, primary", *parse_host("192.168.77.1:40001", 0)},
                       {*parse_address("140.239.229.10"), "your data, alternate", {}},
                       {*parse_address("2001:db8:5::10"), "announced", {}}};
  return plan;
}

/// The whole text; what is the same for all formats stands here once.
void check(RuleFormat format, std::string body) {
  std::string const sign = format == RuleFormat::asa || format == RuleFormat::ios ? "!" : "#";
  std::string const list = sign + "\n" + sign + " Destinations (TCP, outbound only):\n" + sign +
                           "   204.164.111.10:16384  your data, primary  by way of 192.168.77.1:40001\n" + sign +
                           "   140.239.229.10:16384  your data, alternate\n" + sign + "   [2001:db8:5::10]:16384  announced\n" +
                           sign + "   in the networks 204.164.111.0/26 2001:db8:5::/48\n";
  constexpr std::string_view kMark = "@DESTINATIONS@\n";
  body.replace(body.find(kMark), kMark.size(), list);
  CHECK(firewall_rules(plan(), format) ==
        sign + " Farkeep: rules for " + std::string{rule_formats()[static_cast<std::size_t>(format)]} +
            ", made 2026-11-22T12:00:00Z from address directory 7\n" + sign +
            " SHA-256 of all below this line (tail -n +3 FILE | sha256sum): " + sha256(as_bytes(body)).hex() + "\n" + body);
}

}  // namespace

TEST_CASE("rules: the whole text for nftables") { check(RuleFormat::nftables, R"(#
# Load: nft -f FILE. An accept in a table of our own would be worth nothing beside your policy: every base chain
# is asked, and a drop in any of them is final. So the rules are a chain in YOUR table, here "inet filter", that
# your chains jump to. Nothing is permitted before the jump. Once, for the running system (nft list tables shows
# what yours is called; change it in all of this text):
#   nft list chain inet filter forward | grep -q 'jump farkeep' || nft insert rule inet filter forward jump farkeep
# For good, in /etc/nftables.conf: include "FILE" behind "flush ruleset", and "jump farkeep" as first line of chain forward.
# Other tables that drop (nft list ruleset) must let this through as well.
@DESTINATIONS@
add table inet filter
add set inet filter farkeep4_16384 { type ipv4_addr; flags interval; }
flush set inet filter farkeep4_16384
add element inet filter farkeep4_16384 { 204.164.111.0/26, 140.239.229.10 }
add set inet filter farkeep6_16384 { type ipv6_addr; flags interval; }
flush set inet filter farkeep6_16384
add element inet filter farkeep6_16384 { 2001:db8:5::/48 }
add chain inet filter farkeep
flush chain inet filter farkeep
# Where the path is narrower than the LAN (a tunnel, PPPoE) and ICMP is filtered, large packets would vanish and
# a session stall at its first full one: both ends are told the segment that fits. Before the accepts, which end
# the chain.
add rule inet filter farkeep ip daddr @farkeep4_16384 tcp dport 16384 tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
add rule inet filter farkeep ip saddr @farkeep4_16384 tcp sport 16384 tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
add rule inet filter farkeep ip6 daddr @farkeep6_16384 tcp dport 16384 tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
add rule inet filter farkeep ip6 saddr @farkeep6_16384 tcp sport 16384 tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
add rule inet filter farkeep ip daddr @farkeep4_16384 tcp dport 16384 ct state new,established counter accept
add rule inet filter farkeep ip saddr @farkeep4_16384 tcp sport 16384 ct state established counter accept
add rule inet filter farkeep ip6 daddr @farkeep6_16384 tcp dport 16384 ct state new,established counter accept
add rule inet filter farkeep ip6 saddr @farkeep6_16384 tcp sport 16384 ct state established counter accept
add rule inet filter farkeep icmp type destination-unreachable icmp code frag-needed ct state related counter accept
add rule inet filter farkeep icmpv6 type packet-too-big ct state related counter accept
#
# Undo: take "jump farkeep" and the include out of your file and load that, or on the running system:
#   nft -a list chain inet filter forward | sed -n 's/.*jump farkeep # handle/nft delete rule inet filter forward handle/p' | sh
#   nft delete chain inet filter farkeep
#   nft delete set inet filter farkeep4_16384
#   nft delete set inet filter farkeep6_16384
)"); }

TEST_CASE("rules: the whole text for iptables") { check(RuleFormat::iptables, R"(#
# Load: sh FILE. The rules are chains of our own; yours jump to them first, and go on with all that is not ours.
# For good: run it at boot behind your own rules, or keep what iptables-save prints.
@DESTINATIONS@
set -e
iptables-restore -w --noflush <<'RULES'
*filter
:FARKEEP - [0:0]
-A FARKEEP -p tcp -d 204.164.111.0/26 --dport 16384 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-A FARKEEP -p tcp -s 204.164.111.0/26 --sport 16384 -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FARKEEP -p tcp -d 140.239.229.10 --dport 16384 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-A FARKEEP -p tcp -s 140.239.229.10 --sport 16384 -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FARKEEP -p icmp --icmp-type fragmentation-needed -m conntrack --ctstate RELATED -j ACCEPT
COMMIT
*mangle
# Where the path is narrower than the LAN (a tunnel, PPPoE) and ICMP is filtered, large packets would vanish and
# a session stall at its first full one: both ends are told the segment that fits. Before the accepts, which end
# the chain.
:FARKEEP - [0:0]
-A FARKEEP -p tcp -d 204.164.111.0/26 --dport 16384 --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FARKEEP -p tcp -s 204.164.111.0/26 --sport 16384 --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FARKEEP -p tcp -d 140.239.229.10 --dport 16384 --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FARKEEP -p tcp -s 140.239.229.10 --sport 16384 --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
RULES
iptables -w -t filter -C FORWARD -j FARKEEP 2>/dev/null || iptables -w -t filter -I FORWARD -j FARKEEP
iptables -w -t mangle -C FORWARD -j FARKEEP 2>/dev/null || iptables -w -t mangle -I FORWARD -j FARKEEP
ip6tables-restore -w --noflush <<'RULES'
*filter
:FARKEEP - [0:0]
-A FARKEEP -p tcp -d 2001:db8:5::/48 --dport 16384 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
-A FARKEEP -p tcp -s 2001:db8:5::/48 --sport 16384 -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FARKEEP -p icmpv6 --icmpv6-type packet-too-big -m conntrack --ctstate RELATED -j ACCEPT
COMMIT
*mangle
# Where the path is narrower than the LAN (a tunnel, PPPoE) and ICMP is filtered, large packets would vanish and
# a session stall at its first full one: both ends are told the segment that fits. Before the accepts, which end
# the chain.
:FARKEEP - [0:0]
-A FARKEEP -p tcp -d 2001:db8:5::/48 --dport 16384 --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FARKEEP -p tcp -s 2001:db8:5::/48 --sport 16384 --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
RULES
ip6tables -w -t filter -C FORWARD -j FARKEEP 2>/dev/null || ip6tables -w -t filter -I FORWARD -j FARKEEP
ip6tables -w -t mangle -C FORWARD -j FARKEEP 2>/dev/null || ip6tables -w -t mangle -I FORWARD -j FARKEEP
#
# Undo:
#   iptables -w -t filter -D FORWARD -j FARKEEP
#   iptables -w -t mangle -D FORWARD -j FARKEEP
#   iptables -w -t filter -F FARKEEP; iptables -w -t filter -X FARKEEP
#   iptables -w -t mangle -F FARKEEP; iptables -w -t mangle -X FARKEEP
#   ip6tables -w -t filter -D FORWARD -j FARKEEP
#   ip6tables -w -t mangle -D FORWARD -j FARKEEP
#   ip6tables -w -t filter -F FARKEEP; ip6tables -w -t filter -X FARKEEP
#   ip6tables -w -t mangle -F FARKEEP; ip6tables -w -t mangle -X FARKEEP
)"); }

TEST_CASE("rules: the whole text for firewalld") { check(RuleFormat::firewalld, R"(#
# Load: sh FILE. A policy of our own, before the zones' rules, makes the permission; replies come back by state.
# Write the names of your zones behind inside= and outside=.
@DESTINATIONS@
set -e
inside=internal outside=external
firewall-cmd --permanent --delete-policy=farkeep-out >/dev/null 2>&1 || true
firewall-cmd --permanent --new-policy=farkeep-out
firewall-cmd --permanent --policy=farkeep-out --add-ingress-zone="$inside"
firewall-cmd --permanent --policy=farkeep-out --add-egress-zone="$outside"
# tcp-mss-clamp: where the path is narrower than the LAN (a tunnel, PPPoE) and ICMP is filtered, large packets
# would vanish and a session stall at its first full one. It stands before the accepts, which end the chain.
firewall-cmd --permanent --policy=farkeep-out --add-rich-rule='rule family="ipv4" destination address="204.164.111.0/26" tcp-mss-clamp value="pmtu"'
firewall-cmd --permanent --policy=farkeep-out --add-rich-rule='rule family="ipv4" destination address="204.164.111.0/26" port port="16384" protocol="tcp" accept'
firewall-cmd --permanent --policy=farkeep-out --add-rich-rule='rule family="ipv4" destination address="140.239.229.10" tcp-mss-clamp value="pmtu"'
firewall-cmd --permanent --policy=farkeep-out --add-rich-rule='rule family="ipv4" destination address="140.239.229.10" port port="16384" protocol="tcp" accept'
firewall-cmd --permanent --policy=farkeep-out --add-rich-rule='rule family="ipv6" destination address="2001:db8:5::/48" tcp-mss-clamp value="pmtu"'
firewall-cmd --permanent --policy=farkeep-out --add-rich-rule='rule family="ipv6" destination address="2001:db8:5::/48" port port="16384" protocol="tcp" accept'
firewall-cmd --reload
#
# Undo: firewall-cmd --permanent --delete-policy=farkeep-out && firewall-cmd --reload
)"); }

TEST_CASE("rules: the whole text for ufw") { check(RuleFormat::ufw, R"(#
# Load: sh FILE.  ufw (0.36 or later) skips a rule that it has. Replies, and ICMP about them, it admits by
# state.
@DESTINATIONS@
set -e
ufw route prepend allow proto tcp to 204.164.111.0/26 port 16384 comment 'Farkeep, to the servers'
ufw route prepend allow proto tcp to 140.239.229.10 port 16384 comment 'Farkeep, to the servers'
ufw route prepend allow proto tcp to 2001:db8:5::/48 port 16384 comment 'Farkeep, to the servers'
#
# Undo:
#   ufw route delete allow proto tcp to 204.164.111.0/26 port 16384
#   ufw route delete allow proto tcp to 140.239.229.10 port 16384
#   ufw route delete allow proto tcp to 2001:db8:5::/48 port 16384
)"); }

TEST_CASE("rules: the whole text for windows") { check(RuleFormat::windows, R"(#
# Load: PowerShell as administrator, .\FILE.ps1. Needed where outgoing connections are blocked unless permitted;
# replies come back by state. A blocking rule for the same connection still wins.
@DESTINATIONS@
Remove-NetFirewallRule -Group Farkeep -ErrorAction SilentlyContinue
New-NetFirewallRule -Name Farkeep-1 -Group Farkeep -DisplayName "Farkeep, to the servers" -Direction Outbound -Action Allow -Protocol TCP -RemoteAddress 204.164.111.0/26,140.239.229.10 -RemotePort 16384
New-NetFirewallRule -Name Farkeep-2 -Group Farkeep -DisplayName "Farkeep, to the servers" -Direction Outbound -Action Allow -Protocol TCP -RemoteAddress 2001:db8:5::/48 -RemotePort 16384
#
# Undo: Remove-NetFirewallRule -Group Farkeep
)"); }

TEST_CASE("rules: the whole text for pf") { check(RuleFormat::pf, R"(#
# Load: pfctl -a farkeep -f FILE, which replaces what the anchor held. Once, in pf.conf before the rules that
# block:
#   anchor "farkeep"
# Replies, and ICMP about them, come back by state. Where the path is narrower than the LAN (a tunnel, PPPoE)
# and ICMP is filtered, large packets would vanish: add a max-mss to your scrub rule.
@DESTINATIONS@
table <farkeep4_16384> const { 204.164.111.0/26, 140.239.229.10 }
table <farkeep6_16384> const { 2001:db8:5::/48 }
pass in quick inet proto tcp from any to <farkeep4_16384> port 16384 flags S/SA keep state tag FARKEEP
pass out quick inet proto tcp from any to <farkeep4_16384> port 16384 flags S/SA keep state tagged FARKEEP
pass in quick inet6 proto tcp from any to <farkeep6_16384> port 16384 flags S/SA keep state tag FARKEEP
pass out quick inet6 proto tcp from any to <farkeep6_16384> port 16384 flags S/SA keep state tagged FARKEEP
#
# Undo: pfctl -a farkeep -F all
)"); }

TEST_CASE("rules: the whole text for asa") { check(RuleFormat::asa, R"(!
! Paste in configuration mode. INSIDE_OUT stands for the access list of your inside interface; without one:
!   access-group INSIDE_OUT in interface inside     (then INSIDE_OUT must also permit all else that shall pass)
! Line 1 is before all that denies. What is there already is refused as a duplicate, and nothing changes.
! Replies come back by state.
@DESTINATIONS@
object-group network FARKEEP4-16384
 network-object 204.164.111.0 255.255.255.192
 network-object host 140.239.229.10
access-list INSIDE_OUT line 1 extended permit tcp any object-group FARKEEP4-16384 eq 16384
object-group network FARKEEP6-16384
 network-object 2001:db8:5::/48
access-list INSIDE_OUT line 1 extended permit tcp any object-group FARKEEP6-16384 eq 16384
!
! Undo:
!   no access-list INSIDE_OUT extended permit tcp any object-group FARKEEP4-16384 eq 16384
!   no access-list INSIDE_OUT extended permit tcp any object-group FARKEEP6-16384 eq 16384
!   no object-group network FARKEEP4-16384
!   no object-group network FARKEEP6-16384
)"); }

TEST_CASE("rules: the whole text for ios") { check(RuleFormat::ios, R"(!
! Paste in configuration mode. INSIDE-IN and OUTSIDE-IN (INSIDE-IN6 and OUTSIDE-IN6) stand for the access lists
! of your inside and outside interface, both inwards; an interface has only one, so the lines go into those that
! you have. Numbers from 1 are before all that denies; to make room first: ip access-list resequence NAME 1000
! 10. What is there already is refused as a duplicate, and nothing changes. Access lists keep no state: replies
! are what has ACK set, to any port that systems of today choose. Where ICMP is filtered on the way: ip tcp
! adjust-mss 1452.
@DESTINATIONS@
ip access-list extended INSIDE-IN
 1 permit tcp any 204.164.111.0 0.0.0.63 eq 16384
 2 permit tcp any host 140.239.229.10 eq 16384
ip access-list extended OUTSIDE-IN
 1 permit tcp 204.164.111.0 0.0.0.63 eq 16384 any gt 1023 established
 2 permit tcp host 140.239.229.10 eq 16384 any gt 1023 established
 3 permit icmp any any packet-too-big
ipv6 access-list INSIDE-IN6
 sequence 1 permit tcp any 2001:db8:5::/48 eq 16384
ipv6 access-list OUTSIDE-IN6
 sequence 1 permit tcp 2001:db8:5::/48 eq 16384 any gt 1023 established
 sequence 2 permit icmp any any packet-too-big
!
! Undo:
!   ip access-list extended INSIDE-IN
!    no permit tcp any 204.164.111.0 0.0.0.63 eq 16384
!    no permit tcp any host 140.239.229.10 eq 16384
!   ip access-list extended OUTSIDE-IN
!    no permit tcp 204.164.111.0 0.0.0.63 eq 16384 any gt 1023 established
!    no permit tcp host 140.239.229.10 eq 16384 any gt 1023 established
!    no permit icmp any any packet-too-big
!   ipv6 access-list INSIDE-IN6
!    no permit tcp any 2001:db8:5::/48 eq 16384
!   ipv6 access-list OUTSIDE-IN6
!    no permit tcp 2001:db8:5::/48 eq 16384 any gt 1023 established
!    no permit icmp any any packet-too-big
)"); }

TEST_CASE("rules: the whole text for squid") { check(RuleFormat::squid, R"(#
# Save as /etc/squid/farkeep.conf, and write this line into squid.conf BEFORE its first http_access line (behind
# "http_access deny CONNECT !SSL_ports" it would come too late), then squid -k reconfigure:
#   include /etc/squid/farkeep.conf
# farkeep_agents: the networks of your agents. Do not inspect TLS to these destinations: agents would refuse the
# session.
@DESTINATIONS@
acl farkeep_connect method CONNECT
acl farkeep_agents src 10.0.0.0/8
acl farkeep_agents src 172.16.0.0/12
acl farkeep_agents src 192.168.0.0/16
acl farkeep_agents src fc00::/7
acl farkeep_agents src fe80::/10
acl farkeep_sites_16384 dst 204.164.111.0/26 140.239.229.10
acl farkeep_sites_16384 dst 2001:db8:5::/48
acl farkeep_port_16384 port 16384
http_access allow farkeep_connect farkeep_agents farkeep_port_16384 farkeep_sites_16384
#
# Undo: take the include line out, squid -k reconfigure.
)"); }

TEST_CASE("rules: the whole text for dante") { check(RuleFormat::dante, R"(#
# Put into danted.conf, in place of an earlier text of this kind, before its other socks rules, and restart
# danted. With two uplinks also write: external.rotation: route. Who may use the proxy at all is said by your
# client rules.
@DESTINATIONS@
socks pass {
  from: 0/0 to: 204.164.111.0/26 port = 16384
  protocol: tcp
  command: connect
  log: connect error
}
socks pass {
  from: 0/0 to: 140.239.229.10/32 port = 16384
  protocol: tcp
  command: connect
  log: connect error
}
socks pass {
  from: 0/0 to: 2001:db8:5::/48 port = 16384
  protocol: tcp
  command: connect
  log: connect error
}
#
# Undo: take the text out of danted.conf, restart danted.
)"); }

TEST_CASE("rules: the whole text for ssh") { check(RuleFormat::ssh, R"(#
# Save as /etc/ssh/sshd_config.d/farkeep.conf on the ssh server, make a user farkeep with the key of the machine
# that connects, sshd -t, and reload sshd. PermitOpen takes addresses, not networks: make it anew when they
# change.
@DESTINATIONS@
Match User farkeep
  AllowTcpForwarding local
  PermitOpen 204.164.111.10:16384 140.239.229.10:16384 [2001:db8:5::10]:16384
  AllowAgentForwarding no
  X11Forwarding no
  PermitTTY no
Match all
#
# Run under a supervisor on the agent's machine, whose proxy is then SOCKS at 127.0.0.1:1080:
#   ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -D 127.0.0.1:1080 farkeep@SSH-SERVER
#
# Undo: remove the file, reload sshd.
)"); }

TEST_CASE("rules: the whole text for haproxy") { check(RuleFormat::haproxy, R"(#
# Save as /etc/haproxy/conf.d/farkeep.cfg if haproxy is started with -f /etc/haproxy/conf.d, or append it to
# haproxy.cfg in place of an earlier one; then reload. Never "mode http" and never ssl here: the session is
# encrypted end to end.
@DESTINATIONS@
# your data, primary
listen farkeep-1
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option clitcpka
  option srvtcpka
  bind 192.168.77.1:40001
  server s 204.164.111.10:16384
# your data, alternate (not mapped yet: tell the agent this port)
listen farkeep-2
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option clitcpka
  option srvtcpka
  bind :40002
  server s 140.239.229.10:16384
# announced (not mapped yet: tell the agent this port)
listen farkeep-3
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option clitcpka
  option srvtcpka
  bind :40003
  server s [2001:db8:5::10]:16384
#
# Undo: remove the text, reload haproxy.
)"); }

TEST_CASE("rules: the whole text for nginx") { check(RuleFormat::nginx, R"(#
# Save as /etc/nginx/farkeep.conf and write into nginx.conf, outside of http { } (the stream module must be
# loaded), then nginx -t and nginx -s reload:
#   stream { include /etc/nginx/farkeep.conf; }
@DESTINATIONS@
# your data, primary
server {
  listen 192.168.77.1:40001 so_keepalive=on;
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
  proxy_socket_keepalive on;
  proxy_pass 204.164.111.10:16384;
}
# your data, alternate (not mapped yet: tell the agent this port)
server {
  listen 40002 so_keepalive=on;
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
  proxy_socket_keepalive on;
  proxy_pass 140.239.229.10:16384;
}
# announced (not mapped yet: tell the agent this port)
server {
  listen 40003 so_keepalive=on;
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
  proxy_socket_keepalive on;
  proxy_pass [2001:db8:5::10]:16384;
}
#
# Undo: take the include out, nginx -s reload.
)"); }
