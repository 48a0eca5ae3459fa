#!/usr/bin/env bash
# A packet filter needs one rule for each net, in whatever words; without it, the message says what is shut.
. "$(dirname "$0")/lab.sh"
needs iptables iptables

small_tree
network_up
pair_up

note "nothing is permitted: exit 4, and both servers in the message"
agent before "[connection]" "connect_timeout = 1s"
expect 4 fk before register
says "$east"
says "$west"

for policy in nft iptables iptables-legacy stateless; do
  if [ $policy = iptables-legacy ] && ! at fw iptables-legacy -L -n >/dev/null 2>&1; then
    note "this kernel has no tables for iptables-legacy: left out"
    continue
  fi
  firewall $policy
  journey $policy
done

note "what could not register before the rules were there does so now"
expect 0 fk before register

note "a filter that lets replies only to ports 1024 to 5000 pass needs source_ports"
firewall literal
agent any-port "[connection]" "connect_timeout = 1s"
expect 4 fk any-port register
journey source-ports "[connection]" "source_ports = 1024-5000"

note "rules that are taken away again"
firewall none
printf '%s\n' "[connection]" "connect_timeout = 1s" >>"$work/nft.ini"
expect 4 fk nft backup main
says "$east"
says "$west"
passed
