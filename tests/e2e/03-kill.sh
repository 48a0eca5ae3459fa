#!/usr/bin/env bash
# kill -9 of the agent, the primary and the alternate at random moments: no acknowledged snapshot is ever lost.
#   FARKEEP_KILLS=N   kills of each (default 6; the long soak uses 200)
. "$(dirname "$0")/lib.sh" 92
kills=${FARKEEP_KILLS:-6}
RANDOM=${FARKEEP_SEED:-1}

mkdir -p "$work/src"
for i in $(seq 24); do head -c 500000 /dev/urandom >"$work/src/f$i"; done
pair_up
agent_up a "$work/src"
expect 0 fk a backup main
expect 0 fk a snapshots --wait-protected  # the alternate has heard of the agent by then
round=0
acknowledged=1
change() { round=$((round + 1)); head -c 1500000 /dev/urandom >"$work/src/f$((RANDOM % 24 + 1))"; echo "$round" >"$work/src/round"; }
pause() { sleep "0.$(printf '%03d' $((RANDOM % 400)))"; }

for who in agent east west; do
  note "$kills × kill -9 of $who"
  for k in $(seq "$kills"); do
    change
    farkeep --config "$work/a.ini" backup main >"$work/a.log" 2>&1 &
    run=$!
    pause
    if [ $who = agent ]; then
      kill -9 $run 2>/dev/null || true
    else
      server_kill $who
    fi
    rc=0
    wait $run 2>/dev/null || rc=$?
    [ $who = agent ] || server_up $who
    if [ $rc -ne 0 ] && [ $who != agent ]; then
      cat "$work/a.log"
      fail "one server was up all the time, and the backup ended with $rc"
    fi
    expect 0 fk a backup main
    acknowledged=$((acknowledged + 1))
  done
  expect 0 fk a check
done

note "everything acknowledged is there, on both, and restores"
expect 0 fk a snapshots --wait-protected
n=$(wc -l <"$work/out")
[ "$n" -ge "$acknowledged" ] || fail "$acknowledged snapshots were acknowledged, $n are listed"
[ "$(grep -c protected "$work/out")" = "$n" ] || fail "not all are protected: $(cat "$work/out")"
expect 0 fk a check --read-data
server_kill east
expect 0 fk a restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"
server_up east
server_kill west
expect 0 fk a restore latest --target "$work/restored2"
same "$work/src" "$work/restored2$work/src"
echo "passed: $((kills * 3)) kills, $n snapshots"
