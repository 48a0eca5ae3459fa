#!/usr/bin/env bash
# The story of the README: a pair, a backup, the primary is lost, the alternate restores it byte for byte.
. "$(dirname "$0")/lib.sh" 90

canary=FARKEEP-CANARY-5d1f0e7a
mkdir -p "$work/src/sub/$canary-folder"
echo "secret $canary content" >"$work/src/sub/$canary-folder/$canary.txt"
for i in 1 2 3 4 5 6 7 8; do head -c 700000 /dev/urandom >"$work/src/noise$i"; done
seq 200000 >"$work/src/numbers"
ln -s /nowhere "$work/src/dangling"
ln "$work/src/numbers" "$work/src/sub/again"
truncate -s 5M "$work/src/hole"
mkfifo "$work/src/fifo"
touch -d '1969-12-31 23:59:58.5 UTC' "$work/src/noise1"

pair_up
agent_up a "$work/src"

note "backup, and a second one that finds nothing new"
expect 0 fk a backup main
expect 0 fk a backup main --json
grep -q '"files_unchanged":' "$work/out" || fail "no summary in JSON"
expect 0 fk a snapshots --wait-protected
[ "$(grep -c protected "$work/out")" = 2 ] || fail "two protected snapshots were expected: $(cat "$work/out")"

note "the agent listens on nothing"
farkeepd --config "$work/a.ini" >"$work/farkeepd.log" 2>&1 &
pid_of[farkeepd]=$!
handles "${pid_of[farkeepd]}" 15
! grep -q "pid=${pid_of[farkeepd]}," <<<"$(ss -ltnp 2>/dev/null)" || fail "farkeepd listens"
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly"
unset 'pid_of[farkeepd]'

note "no plaintext, no name, in either store"
! grep -rqa "$canary" "$work/east" "$work/west" || fail "the canary lies in a store"

note "the primary is lost, the alternate restores"
server_kill east
expect 0 fk a restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"
expect 0 fk a check --read-data

note "backup goes on with the alternate alone, and the primary catches up when it is back"
echo changed >"$work/src/new file"
expect 0 fk a backup main
server_up east
expect 0 fk a snapshots --wait-protected
[ "$(grep -c protected "$work/out")" = 3 ] || fail "three protected snapshots were expected: $(cat "$work/out")"
server_kill west
expect 0 fk a restore latest --target "$work/restored2"
same "$work/src" "$work/restored2$work/src"

note "neither: exit 4, and both answers in the message"
server_kill east
expect 4 fk a backup main
grep -q "east" "$work/err" && grep -q "west" "$work/err" || fail "the message names not both servers: $(cat "$work/err")"

note "an index is a cache"
find "$work/east" "$work/west" -depth -path '*cache*' -delete 2>/dev/null || true
server_up east
server_up west
expect 0 fk a backup main
expect 0 fk a check --read-data
echo "passed"
