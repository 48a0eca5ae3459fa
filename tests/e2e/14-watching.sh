#!/usr/bin/env bash
# Who watches from the servers: jobs that are overdue are known there although their agent is silent, and Prometheus can read all of it.
. "$(dirname "$0")/lib.sh" 114

# later HOURS COMMAND…: as if it were so much later.
later() {
  local hours=$1
  shift
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f "+${hours}h" "$@"
}

mkdir "$work/src"
seq 1000 >"$work/src/numbers"
farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
cat >"$work/east.ini" <<END
[server]
data = $work/east
listen = $east
metrics_listen = $east:9464
END
farkeep-server run --config "$work/east.ini" >>"$work/east.log" 2>&1 &
pid_of[east]=$!
for i in $(seq 200); do (exec 3<>"/dev/tcp/$east/9464") 2>/dev/null && break; sleep 0.05; done
farkeep-server invite --data "$work/east" >"$work/invitation"
farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation" >>"$work/init.log" 2>&1
server_up west
farkeep-server account add test --data "$work/east" >>"$work/init.log" 2>&1
agent_up a "$work/src"
echo "schedule = every 4h" >>"$work/a.ini"

note "after a snapshot both servers know when the next one is overdue"
expect 0 farkeep-server agents --data "$work/east"
grep -q " active$" "$work/out" || fail "not active: $(cat "$work/out")"
expect 0 fk a backup main
expect 0 fk a snapshots --wait-protected
for i in $(seq 100); do
  farkeep-server agents --json --data "$work/west" >"$work/out"
  grep -q '"name":"main","schedule":"every 4h","last_good":"20' "$work/out" && break
  sleep 0.1
done
grep -q '"schedule":"every 4h","last_good":"20.*"paused":false,"overdue":false' "$work/out" || fail "the partner was not told: $(cat "$work/out")"
expect 0 farkeep-server agents --overdue --data "$work/west"
grep -q "No such agent" "$work/out" "$work/err" || fail "something is overdue: $(cat "$work/out")"
expect 0 later 27 farkeep-server agents --overdue --data "$work/west"
! grep -q "overdue: main" "$work/out" || fail "overdue an hour too early: $(cat "$work/out")"
for data in east west; do
  expect 0 later 29 farkeep-server agents --overdue --data "$work/$data"
  grep -q " overdue: main$" "$work/out" || fail "$data does not know that it is overdue: $(cat "$work/out")"
done

note "Prometheus reads it"
ask() {
  exec 3<>"/dev/tcp/$east/9464"
  printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$1" >&3
  cat <&3 >"$work/out"
  exec 3>&-
}
ask /metrics
grep -q '^farkeep_agent_job_overdue{agent="[0-9a-f]*",name="a",account="test",job="main"} 0$' "$work/out" || fail "the metrics: $(cat "$work/out")"
grep -q '^farkeep_agent_job_last_success_timestamp_seconds{.*,job="main"} 1[0-9]*' "$work/out" || fail "the metrics: $(cat "$work/out")"
grep -q '^farkeep_mirror_equal_timestamp_seconds{partner="west"} 1[0-9]*' "$work/out" || fail "the metrics: $(cat "$work/out")"
ask /
grep -q "^HTTP/1.1 404" "$work/out" || fail "what is at /: $(cat "$work/out")"
