#!/usr/bin/env bash
# Through an HTTP proxy that permits CONNECT to port 16384, with and without a login; and what its refusals are called.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/proxies.sh"

small_tree
network_up
pair_up
firewall proxy

by_squid "http_access allow CONNECT sites backup_port" "http_access deny CONNECT !SSL_ports"
journey connect "${lines[@]}"

note "the stock rules alone permit no port but 443: exit 4, and the rule that is missing"
by_squid "http_access deny CONNECT !SSL_ports"
agent stock "${lines[@]}"
expect 4 fk stock register
says "the rules of the HTTP proxy $name_of_fw:3128 do not permit $east:16384"
says "permit TCP CONNECT to $east port 16384"

by_squid "http_access allow CONNECT sites backup_port known"
journey login "${lines[@]}" "user = backup" "password_file = $work/password"

note "a wrong password, or none: exit 5"
(umask 077; echo "wrong" >"$work/wrong")
agent wrong "${lines[@]}" "user = backup" "password_file = $work/wrong"
expect 5 fk wrong register
says "HTTP proxy $name_of_fw:3128 refused the user \"backup\" or the password; the servers were not contacted"
agent none "${lines[@]}"
expect 5 fk none register
says "HTTP proxy $name_of_fw:3128 demands a login, and none is configured"

note "a server that refuses the proxy: exit 4, and who refused whom"
closed refuse $net1 $net2
expect 4 fk login backup main
says "the HTTP proxy $name_of_fw:3128 was refused by $east:16384"
opened

note "SOCKS spoken to an HTTP proxy: exit 4, and what it may be"
socks $fw:3128
agent socks "${lines[@]}"
expect 4 fk socks register
says "it may be an HTTP proxy"

note "a proxy that is stopped: exit 4"
stop squid
expect 4 fk login backup main
says "nothing listens at $name_of_fw:3128"
passed
