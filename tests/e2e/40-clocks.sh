#!/usr/bin/env bash
# A clock that was wrong once ends nothing: what was made under it is put aside when the clock is right again, nothing is issued meanwhile, and the error says whose clock it is.
. "$(dirname "$0")/lib.sh" 130

at() { in_future "$1" "${@:2}"; }  # OFFSET COMMAND…

mkdir -p "$work/src"
seq 5000 >"$work/src/numbers"
pair_up
agent_up legit "$work/src"
expect 0 fk legit backup main
before=$(sha256sum <"$work/east/identity/server")

note "years ahead, alone: the server makes no certificate, says so, and tells agents what its clock says"
server_kill west TERM
server_kill east TERM
server_up east +730d
for i in $(seq 1200); do grep -q "after it was last believed" "$work/east.log" && break; sleep 0.05; done
grep -q "after it was last believed" "$work/east.log" || fail "nothing was said: $(cat "$work/east.log")"
[ "$before" = "$(sha256sum <"$work/east/identity/server")" ] || fail "it made itself a certificate"
expect 0 at +730d farkeep-server status --data "$work/east"
says "clock accept"
expect 5 fk legit backup main
says "the server says it is"
says "this machine says"
token >"$work/late.token"
agent_ini late "$work/src"
expect 4 farkeep --config "$work/late.ini" register
says "clock"
server_kill east TERM
server_up east ""
server_up west ""
expect 0 fk legit backup main

note "months ahead, where it is believed: certificates that are not valid yet are put aside"
servers_at +300d
[ "$before" != "$(sha256sum <"$work/east/identity/server")" ] || fail "it was not renewed"
servers_at ""
expect 0 fk legit backup main
expect 0 fk legit check
expect 0 fk legit snapshots --wait-protected

note "years back: the certificates are not touched, the agent hears that its own is not valid yet, and all is well afterwards"
servers_at -1200d
expect 5 fk legit backup main
says "not valid before"
says "the server says it is"
servers_at ""
expect 0 fk legit backup main
expect 0 fk legit check

note "the agent's clock was ahead when its certificate was renewed: the one before is shown again"
servers_at +300d
expect 0 at +300d farkeep --config "$work/legit.ini" backup main
grep -q "this agent's certificate was renewed" "$work/err" || fail "it was not renewed: $(cat "$work/err")"
servers_at ""
expect 0 fk legit backup main
expect 0 fk legit restore latest --target "$work/out1"
same "$work/src" "$work/out1$work/src"
echo "passed"
