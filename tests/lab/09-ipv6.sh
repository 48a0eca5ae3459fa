#!/usr/bin/env bash
# A network without one IPv4 address: the rules that Farkeep writes open the gateway, and SOCKS and HTTP proxies and mapped ports lead through it.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/proxies.sh"
needs ip6tables iptables

# A gateway with a filter of its own, which knows nothing of Farkeep.
foreign_filter() {  # nftables|iptables
  firewall none
  at fw nft flush ruleset
  if [ "$1" = nftables ]; then
    at fw nft -f - <<<"table inet filter {
      chain input { type filter hook input priority 0; policy drop; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }
      chain forward { type filter hook forward priority 0; policy drop; }
    }"
  else
    at fw ip6tables -P FORWARD DROP
  fi
}

small_tree
ipv6_only
network_up
pair_up
[ -z "$(at agent ip -4 -o addr show scope global)" ] || fail "there is an IPv4 address"

# load NAME LANGUAGE: the rules that this agent asks for.
load() {
  expect 0 fk "$1" connection rules --for "$2" --gateway
  cp "$work/out" "$work/rules.$2"
  if [ "$2" = iptables ]; then
    at fw sh "$work/rules.$2"
  else
    at fw nft -f "$work/rules.$2"
    at fw nft insert rule inet filter forward jump farkeep
  fi
}
for language in nftables iptables; do
  foreign_filter $language
  agent before-$language "[connection]" "connect_timeout = 1s"
  expect 4 fk before-$language register
  says "$(in_url $east):16384"
  load before-$language $language
  expect 0 fk before-$language register
  journey $language
done

foreign_filter nftables
lines=("[connection]" "mode = mapped" "connect_timeout = 1s" "[mapped]" "destination = $east via [$fw]:40001" "destination = $west via [$fw]:40002")
agent before-dnat "${lines[@]}"
expect 4 fk before-dnat register
load before-dnat nftables
journey dnat "${lines[@]}"

firewall proxy
agent direct "[connection]" "connect_timeout = 1s"
expect 4 fk direct register  # there is no other way
by_dante $net1 $net2
journey dante "${lines[@]}"
by_microsocks
journey microsocks "${lines[@]}"
by_squid "http_access allow CONNECT sites backup_port"
journey squid "${lines[@]}"
passed
