#!/usr/bin/env bash
# Through SOCKS proxies as they are in use, nothing else being permitted; and what is said when one of them says no.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/proxies.sh"

small_tree
network_up
pair_up
firewall proxy
agent direct "[connection]" "connect_timeout = 1s"
expect 4 fk direct register  # there is no other way

by_dante $net1 $net2
journey dante-5 "${lines[@]}"
socks $name_of_fw:1080 "version = 4"
journey dante-4 "${lines[@]}"
by_microsocks
journey microsocks "${lines[@]}"
by_microsocks_login
journey microsocks-login "${lines[@]}"
by_ssh
journey ssh-D "${lines[@]}"

note "a wrong password: exit 5, and nobody retries with another server"
(umask 077; echo "wrong" >"$work/password")
socks $fw:1082 "user = backup" "password_file = $work/password"
agent wrong "${lines[@]}"
expect 5 fk wrong register
says "SOCKS proxy $fw:1082 refused the user \"backup\" or the password; the servers were not contacted"
expect 5 fk microsocks-login backup main -v
says "refused the user \"backup\" or the password"
[ "$(grep -c "^farkeep: .*$fw:1082" "$work/err")" = 1 ] || fail "the proxy is not named in the last line: $(cat "$work/err")"
! grep -q "$west.*$east\|$east.*$west" "$work/err" || fail "both servers were tried through the same proxy: $(cat "$work/err")"

note "a login is demanded and none is configured: exit 5"
socks $fw:1082
agent none "${lines[@]}"
expect 5 fk none register
says "SOCKS proxy $fw:1082 demands a login, and none is configured"

note "a rule that forbids the primary's net: the alternate is used, and the rule is named"
by_dante $net2
agent over-west "${lines[@]}"
west_token over-west
expect 0 fk over-west register
expect 0 fk over-west backup main -v
grep -q "received by west" "$work/out" || fail "the alternate was not used: $(cat "$work/out")"
says "the rules of the SOCKS proxy $fw:1080 do not permit $east:16384"

note "a proxy that is stopped: exit 4, and it is named as it was written"
stop dante
expect 4 fk dante-4 backup main
says "nothing listens at $name_of_fw:1080"

note "a proxy whose name is unknown: exit 4"
socks nowhere.example.net
agent nowhere "${lines[@]}"
expect 4 fk nowhere register
says "the name nowhere.example.net of the SOCKS proxy cannot be resolved"
passed
