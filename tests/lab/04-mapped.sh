#!/usr/bin/env bash
# Through ports of the firewall, one for each server, by all usual means; and how wrong mappings are found out.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/proxies.sh"

small_tree
network_up
pair_up

firewall dnat
agent direct "[connection]" "connect_timeout = 1s"
expect 4 fk direct register  # there is no other way
mapping 40001 40002
journey dnat "${lines[@]}"

firewall proxy
for program in socat haproxy nginx rinetd; do
  by_$program
  journey $program "${lines[@]}"
done

note "exchanged ports: exit 5, for each server proves to be the other one"
mapping 40004 40003
agent exchanged "${lines[@]}"
expect 5 fk exchanged register
says "$east:16384 through mapped port $name_of_fw:40004: it is server"
says "whose certificate does not name the address $east"
sed -i "s/:40003/:exchanged/; s/:40004/:40003/; s/:exchanged/:40004/" "$work/socat.ini"
expect 5 fk socat backup main
says "through mapped port $name_of_fw:40004: it is server"
says "the other side is not who it must be"

note "nothing behind the primary's port: the alternate's is used; behind neither: exit 4, and what may be wrong"
closed refuse $net1
mapping 40007 40008
agent one "${lines[@]}"
west_token one
expect 0 fk one register
expect 0 fk one backup main -v
says "$east:16384 through mapped port $name_of_fw:40007: the connection was accepted, and closed before the other side said anything"
grep -q "received by west" "$work/out" || fail "the alternate was not used: $(cat "$work/out")"
closed refuse $net1 $net2
expect 4 fk one backup main
says "through mapped port $name_of_fw:40007: the connection was accepted, and closed"
says "through mapped port $name_of_fw:40008: the connection was accepted, and closed"
says "a firewall or proxy on the way may not reach the server"
opened

note "a mapped port where nothing listens: exit 4"
mapping 40018 40019
agent nothing "${lines[@]}"
expect 4 fk nothing register
says "nothing listens at $name_of_fw:40018"

note "a server that is not mapped: the other one is used, and the line that is missing"
agent half "${lines[@]:0:3}" "destination = $west via $name_of_fw:40004"
west_token half
expect 0 fk half register
expect 0 fk half backup main -v
says "no firewall port is mapped to $east:16384"
says "[mapped] must say: destination = $east:16384 via FIREWALL:PORT"
grep -q "received by west" "$work/out" || fail "the alternate was not used: $(cat "$work/out")"
passed
