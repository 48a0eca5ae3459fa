#!/usr/bin/env bash
# The doctor names what is closed, in one sentence with the exact change, for each way in which a network can fail.
. "$(dirname "$0")/lab.sh"
needs microsocks microsocks socat socat openssl openssl

mkdir -p "$work/src"
seq 1000 >"$work/src/numbers"
network_up
pair_up
farkeep-server directory publish --data "$work/east" --primary-subnet $net1 --alternate-subnet $net2 >"$work/publish.log"
firewall nft
agent a "[connection]" "connect_timeout = 2s"
expect 0 fk a register
expect 0 fk a backup main
expect 0 fk a backup main  # by now it has heard which nets there are

doctor a 0 fine "every server is reached"
closed drop $net2
doctor a 4 one_net_closed "firewall administrator" "permit TCP to $net2 port 16384"
closed refuse $net2
doctor a 4 one_server_refuses "$west:16384 refuses"
closed drop $net1 $net2
doctor a 4 all_dropped "the router at hop 1 from here answers, nothing beyond it does" "permit TCP to $net1 and $net2 port 16384"
closed refuse $net1 $net2
doctor a 4 all_refused "most likely a firewall rejects it"
at fw nft flush ruleset
closed drop $net1 $net2
doctor a 4 port_closed "a firewall drops this port"
opened

note "a firewall that forgets connections which are silent for 15 s"
firewall nft
at fw sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=15 net.netfilter.nf_conntrack_tcp_loose=0
doctor a 0 fine
expect 4 fk a doctor --idle
grep -q "a connection that was silent for 20 s is gone" "$work/out" || fail "it does not find the limit: $(cat "$work/out")"
at fw sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=432000 net.netfilter.nf_conntrack_tcp_loose=1
at fw nft flush ruleset

note "large packets vanish on the way to the primary"
ip -n "fk$$agent" link set eth0 gso_max_segs 1
at fw nft -f - <<<"table inet hole {
  chain forward { type filter hook forward priority -20; policy accept; ip daddr $east meta length > 1450 drop; }
}"
doctor a 4 large_packets_lost "pass in segments of 1220 bytes" "clamp the MSS"
at fw nft delete table inet hole

note "something opens the encryption"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$work/inspect.key" -out "$work/inspect.pem" -subj "/CN=Acme TLS Inspection" 2>/dev/null
cat "$work/inspect.key" "$work/inspect.pem" >"$work/inspect.both"
start inspection fw 40010 socat "OPENSSL-LISTEN:40010,bind=$fw,fork,reuseaddr,cert=$work/inspect.both,verify=0" EXEC:cat
at fw nft -f - <<<"table ip inspect {
  chain pre { type nat hook prerouting priority dstnat; policy accept; ip daddr $east tcp dport 16384 dnat to $fw:40010; }
}"
doctor a 5 intercepted "Acme TLS Inspection" "exempt TCP to $net1 port 16384 from TLS inspection"
at fw nft delete table ip inspect
at fw conntrack -F 2>/dev/null

note "proxies: the wrong kind, nothing there, a name that nobody knows"
firewall proxy
start microsocks fw 1080 microsocks -i $fw -p 1080
expect 0 fk a connection set --no-test mode=http "http.proxy=$fw:1080"
doctor a 4 proxy_kinds_mixed_up "$fw:1080 is a SOCKS proxy, not HTTP" "farkeep connection set mode=socks socks.proxy=$fw:1080"
expect 0 fk a connection set mode=socks "socks.proxy=$fw:1080"
doctor a 0 fine "every server is reached"
stop microsocks
doctor a 4 refused "nothing listens at $fw:1080"
expect 0 fk a connection set --no-test mode=socks "socks.proxy=nobody.example.net"
doctor a 4 name_unknown "the name nobody.example.net of the SOCKS proxy cannot be resolved"

note "mapped ports: missing, exchanged, leading nowhere"
expect 0 fk a connection set --no-test mode=mapped "mapped.destination=$east via $fw:40001"
start map1 fw 40001 socat "TCP-LISTEN:40001,bind=$fw,fork,reuseaddr" "TCP:$west:16384"
start map2 fw 40002 socat "TCP-LISTEN:40002,bind=$fw,fork,reuseaddr" "TCP:$east:16384"
doctor a 5 another_server "$fw:40001 must lead to $east:16384"
expect 0 fk a connection set --no-test "mapped.destination=$east via $fw:40002"
doctor a 4 not_mapped "no firewall port is mapped to $west:16384"
expect 0 fk a connection set --no-test "mapped.destination=$east via $fw:40001" "mapped.destination=$west via $fw:40002"
doctor a 5 ports_exchanged "the firewall ports of rows 1 and 2 are exchanged"
stop map2
start map2 fw 40002 socat "TCP-LISTEN:40002,bind=$fw,fork,reuseaddr" "TCP:$west:16399"
expect 0 fk a connection set --no-test "mapped.destination=$west via $fw:40001" "mapped.destination=$east via $fw:40002"
doctor a 4 nothing_behind_mapping "the firewall takes the connection at $fw:40002 but does not reach $east:16384 behind it"
passed
