#!/usr/bin/env bash
# An operator takes a newest snapshot out of the way, beside the running server and while it stands still; the partner does not bring it back,
# and nothing is deleted.
. "$(dirname "$0")/lib.sh" 121

mkdir -p "$work/src"
seq 1000 >"$work/src/numbers"
pair_up
agent_up a "$work/src"
expect 0 fk a backup main
seq 2000 >"$work/src/numbers"
expect 0 fk a backup main
expect 0 fk a snapshots --wait-protected
numbers_at() { farkeep-server snapshots --data "$work/$1" --json | grep -o '"number":[0-9]*' | tr '\n' ' '; }
aside() { local at=$1; shift; farkeep-server snapshots set-aside --data "$work/$at" "$@"; }
[ "$(numbers_at east)" = '"number":1 "number":2 ' ] || fail "$(numbers_at east)"

note "without a reason, not the newest one, no such number, no such agent: refused, and nothing moves"
expect 2 aside east a 2
expect 2 aside east a 1 --reason "a test"
expect 2 aside east a 7 --reason "a test"
expect 1 aside east nobody 2 --reason "a test"
[ "$(numbers_at east)" = '"number":1 "number":2 ' ] || fail "$(numbers_at east)"

note "beside the running server"
expect 0 aside east a 2 --reason "made by a thief"
grep -q "is set aside" "$work/out" || fail "$(cat "$work/out")"
[ "$(numbers_at east)" = '"number":1 ' ] || fail "$(numbers_at east)"
grep -q "made by a thief" "$work/east/audit.log" || fail "no line in the audit log"
[ "$(find "$work/east/store" -path '*/aside/0000000000000002-*' | wc -l)" = 1 ] || fail "it is not kept"

note "the partner is refused, says why, and does not bring it back"
server_kill west TERM  # it compares everything once a minute, and at its start
server_up west
for _ in $(seq 1200); do grep -q "made by a thief" "$work/west.log" && break; sleep 0.1; done
grep -q "snapshots set-aside" "$work/west.log" || fail "the partner's log does not name the command"
[ "$(numbers_at east)" = '"number":1 ' ] || fail "the partner brought it back"

note "an order to a server that stands still is carried out when it starts"
server_kill west TERM
expect 0 aside west a 2 --reason "made by a thief"
grep -q "when the server starts" "$work/out" || fail "$(cat "$work/out")"
[ "$(numbers_at west)" = '"number":1 "number":2 ' ] || fail "$(numbers_at west)"
server_up west
for _ in $(seq 100); do [ "$(numbers_at west)" = '"number":1 ' ] && break; sleep 0.1; done
[ "$(numbers_at west)" = '"number":1 ' ] || fail "$(numbers_at west)"

note "the agent that had it: nothing goes on by itself, both ways out are told, and what is left can be read"
expect 6 fk a backup main
grep -q "snapshot was set aside there" "$work/err" || fail "it does not say what may have happened: $(cat "$work/err")"
expect 6 fk a restore latest --target "$work/refused"
grep -q -e "--accept-older.*farkeep history accept" "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
expect 6 fk a restore latest --accept-older --target "$work/older"
[ "$(wc -l <"$work/older$work/src/numbers")" = 1000 ] || fail "not what is left was restored"
for verb in snapshots ls check; do expect 6 fk a $verb --accept-older; done

note "its administrator accepts it: number 2 is given up and never used again"
expect 2 fk a history accept --yes elsewhere
fk a history accept </dev/null >"$work/out" 2>"$work/err" && fail "accepted without a word"
grep -q "given up there: numbers 2 to 2" "$work/err" || fail "it does not say what is given up: $(cat "$work/err")"
expect 6 fk a backup main
server_kill west TERM
expect 0 fk a history accept --yes east
grep -q "east.*was number 2.*is number 1" "$work/out" || fail "$(cat "$work/out")"
grep -q "newest snapshots nothing was changed: west.*: ." "$work/out" || fail "it does not say who was not heard: $(cat "$work/out")"
server_up west
expect 0 fk a history accept --yes
grep -q "west.*was number 2.*is number 1" "$work/out" || fail "$(cat "$work/out")"
grep -q "job main: its newest snapshot was number 2 and is number 1" "$work/out" || fail "$(cat "$work/out")"
grep -q "warning.*accepted" "$work/err" || fail "no line in the log: $(cat "$work/err")"
expect 0 fk a history accept --yes
expect 0 fk a status
grep -q "protected (on both servers)" "$work/out" || fail "what is on both servers is not protected: $(cat "$work/out")"
expect 0 fk a backup main
expect 0 fk a snapshots --wait-protected --json
[ "$(grep -o '"sequence":[0-9]*' "$work/out" | tr '\n' ' ')" = '"sequence":1 "sequence":3 ' ] || fail "$(cat "$work/out")"
expect 0 fk a check --read-data
expect 0 fk a restore latest --target "$work/newest"
same "$work/src" "$work/newest$work/src"
expect 0 fk a status
echo passed
