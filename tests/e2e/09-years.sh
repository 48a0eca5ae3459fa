#!/usr/bin/env bash
# Years pass: certificates are renewed by themselves, one that was not is refused with words, and old snapshots restore.
. "$(dirname "$0")/lib.sh" 98

at() { in_future "+${1}d" "${@:2}"; }  # DAYS COMMAND…: so many days from now

mkdir -p "$work/src"
seq 5000 >"$work/src/numbers"
pair_up
agent_up steady "$work/src"
agent_up asleep "$work/src"
expect 0 fk steady backup main
expect 0 fk asleep backup main
before=$(sha256sum <"$work/steady.state/identity")

note "in the first two thirds of its life nothing is renewed"
servers_at +200d
expect 0 at 200 farkeep --config "$work/steady.ini" backup main
[ "$before" = "$(sha256sum <"$work/steady.state/identity")" ] || fail "it was renewed too early"

note "in the last third it is renewed by the next run, the servers' too"
servers_at +300d
grep -q "the server's certificate was renewed" "$work/east.log" || fail "the server did not renew its own: $(cat "$work/east.log")"
expect 0 at 300 farkeep --config "$work/steady.ini" backup main
grep -q "this agent's certificate was renewed" "$work/err" || fail "nothing was said: $(cat "$work/err")"
[ "$before" != "$(sha256sum <"$work/steady.state/identity")" ] || fail "it was not renewed"

note "when a renewal fails, the backup goes on"
server_kill east
server_kill west
expect 4 at 310 farkeep --config "$work/asleep.ini" backup main
grep -q "renewing the certificate" "$work/err" || fail "nothing was said: $(cat "$work/err")"

note "after a year and a half the renewed one works, and the one that slept is refused with words"
servers_at +550d
expect 0 at 550 farkeep --config "$work/steady.ini" backup main
expect 5 at 550 farkeep --config "$work/asleep.ini" backup main
grep -qi "expired" "$work/err" || fail "it does not say why: $(cat "$work/err")"

note "snapshots whose signatures are older than their certificates' end still restore"
expect 0 at 550 farkeep --config "$work/steady.ini" snapshots
first=$(awk '/main/ {print $1; exit}' "$work/out")
expect 0 at 550 farkeep --config "$work/steady.ini" restore "$first" --target "$work/out1"
same "$work/src" "$work/out1$work/src"
echo "passed"
