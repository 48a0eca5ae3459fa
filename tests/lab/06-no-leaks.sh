#!/usr/bin/env bash
# An agent speaks TCP, to its servers or to its proxy, and not one packet of anything else.
. "$(dirname "$0")/lab.sh"
needs tcpdump tcpdump microsocks microsocks

listen() {  # NAME
  start "$1" agent - tcpdump --immediate-mode -i any -n -s 96 -B 65536 -U -Z root -w "$work/$1.pcap"
  until_log "$1" "listening on" 10
}
count() { tcpdump -n -r "$work/$1.pcap" "$2" 2>/dev/null | wc -l; }  # NAME FILTER
# silent NAME FILTER: there was traffic, and nothing but what the filter permits; the neighbours' addresses are asked for (ARP).
silent() {
  stop "$1"
  grep -q "^0 packets dropped by kernel" "$work/$1.log" || fail "the capture is not whole: $(cat "$work/$1.log")"
  [ "$(count "$1" "$2")" -gt 100 ] || fail "the capture saw nothing of the agent"
  [ "$(count "$1" "not arp and not ($2)")" = 0 ] || fail "$(tcpdump -n -r "$work/$1.pcap" "not arp and not ($2)" 2>&1 | head)"
  note "$1: $(count "$1" "$2") packets, and no other"
}

small_tree
network_up
pair_up

note "the control: a question of DNS, a connection elsewhere and an ICMP answer are seen"
listen control
timeout 3 ip netns exec "fk$$agent" getent hosts leak.example.net && fail "a name was resolved that nobody serves"
timeout 1 ip netns exec "fk$$agent" bash -c "exec 3<>/dev/tcp/$fw/80" 2>/dev/null && fail "a connection was made that nobody takes"
at fw bash -c "echo >/dev/udp/192.168.77.2/9"
for _ in $(seq 100); do
  [ "$(count control "src host 192.168.77.2 and icmp")" = 0 ] || break
  sleep 0.05
done
stop control
for leak in "udp port 53" "tcp port 80" "src host 192.168.77.2 and icmp"; do
  [ "$(count control "$leak")" -gt 0 ] || fail "the capture does not see: $leak"
done

firewall nft
listen direct
journey agent-direct
silent direct "tcp port 16384 and (host $east or host $west)"

firewall proxy
start microsocks fw 1081 microsocks -i $fw -p 1081
listen proxied
journey agent-proxied "[connection]" "mode = socks" "[socks]" "proxy = $fw:1081"
silent proxied "tcp port 1081 and host $fw"

note "a proxy's name that /etc/hosts knows needs no question"
listen named
journey agent-named "[connection]" "mode = socks" "[socks]" "proxy = $name_of_fw:1081"
silent named "tcp port 1081 and host $fw"
passed
