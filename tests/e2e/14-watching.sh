#!/usr/bin/env bash
# Who watches from the servers: jobs that are overdue are known there although their agent is silent, Prometheus can read all of it, and people are told.
. "$(dirname "$0")/lib.sh" 114

later() { in_future "+${1}h" "${@:2}"; }  # HOURS COMMAND…

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
for i in $(seq 1200); do (exec 3<>"/dev/tcp/$east/9464") 2>/dev/null && break; sleep 0.05; done
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

# From here on both servers live by a clock that this test sets: so many minutes ahead.
clock() { echo "+$1m" >"$work/clock"; }
clock 0
declare -A reached_before
reached() { grep -c " mirroring to " "$work/$1.log"; }  # NAME: how often it reached its partner
server_by_clock() {  # NAME
  reached_before[$1]=$(reached "$1") || true
  FAKETIME_TIMESTAMP_FILE=$work/clock FAKETIME_NO_CACHE=1 NO_FAKE_STAT=1 by_another_clock exec farkeep-server run --config "$work/$1.ini" >>"$work/$1.log" 2>&1 &
  pid_of[$1]=$!
  is_there "$1"
  handles "${pid_of[$1]}" 1
}
# joined NAME…: each has reached its partner since it was started.
joined() {
  local i name
  for name in "$@"; do
    for i in $(seq 1200); do
      farkeep-server pair --json --data "$work/$name" >"$work/pair"
      [ "$(reached "$name")" -gt "${reached_before[$name]}" ] && grep -q '"state":"equal"' "$work/pair" && continue 2
      sleep 0.05
    done
    fail "$name does not reach its partner: $(cat "$work/pair")"
  done
}
# looks NAME…: each of them reads its settings again, and has looked for what is overdue when this returns.
looks() {
  local name before
  for name in "$@"; do
    before=$(sha256sum <"$work/$name/registry/watch")
    kill -HUP "${pid_of[$name]}"
    for i in $(seq 1200); do [ "$before" = "$(sha256sum <"$work/$name/registry/watch")" ] || continue 2; sleep 0.05; done
    fail "$name does not look: $(tail -n 5 "$work/$name.log")"
  done
}
# until_minute MINUTE NAME…: the clock goes there, in steps that no server takes for an outage of its own.
at=0
until_minute() {
  local end=$1
  shift
  while [ "$at" -lt "$end" ]; do
    at=$((at + 9 < end ? at + 9 : end))
    clock $at
    looks "$@"
  done
}
# told WHAT: exactly this, by whom and in this order.
told() {
  local i want=$1
  for i in $(seq 1200); do [ "$(cat "$work/told" 2>/dev/null)" = "$want" ] && return 0; sleep 0.05; done
  fail "told was '$(cat "$work/told" 2>/dev/null)', not '$want': $(tail -n 5 "$work/east.log" "$work/west.log")"
}
# agree: both have heard what agents, and people, were told.
agree() {
  local i what
  for what in told alarms; do
    for i in $(seq 1200); do diff -r "$work/east/registry/$what" "$work/west/registry/$what" >"$work/differ" && continue 2; sleep 0.05; done
    fail "the mirror does not bring $what: $(cat "$work/differ")"
  done
}
names() {  # NAME: adds to its settings who hears of what is overdue
  printf '[notify]\ncommand = echo %s $FARKEEP_EVENT $FARKEEP_AGENTS $FARKEEP_JOB >>%s\n' "$1" "$work/told" >>"$work/$1.ini"
}

note "a server tells of an agent that is overdue, once, to whom it was told to tell while it runs"
server_kill east TERM
server_kill west TERM
printf '[server]\ndata = %s\nlisten = %s\n' "$work/west" "$west" >"$work/west.ini"
names west
server_by_clock west
server_by_clock east
joined east west
echo "overdue_after = 30m" >>"$work/a.ini"
sed -i 's/^schedule = .*/schedule = every 30m/' "$work/a.ini"
expect 0 fk a backup main
python3 - "127.$net.0.9" 8080 "$work/posted" >"$work/chat.log" 2>&1 <<'PY' &
import http.server, sys

class Chat(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open(sys.argv[3], "ab") as posted:
            posted.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\n")
        self.send_response(204)
        self.end_headers()

http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Chat).serve_forever()
PY
pid_of[chat]=$!
for i in $(seq 1200); do (exec 3<>"/dev/tcp/127.$net.0.9/8080") 2>/dev/null && break; sleep 0.05; done
names east
echo "webhook = http://127.$net.0.9:8080/backup" >>"$work/east.ini"
until_minute 50 east west
[ ! -e "$work/told" ] || fail "told too early: $(cat "$work/told")"
until_minute 90 east west
told "east overdue a main"
for i in $(seq 1200); do [ -s "$work/posted" ] && break; sleep 0.05; done
grep -q '^{"text":"east: agent a (account test) is overdue with main (.*","event":"overdue","job":"main","machine":"east","agents":\["a"\]}$' "$work/posted" ||
  fail "the webhook heard: $(cat "$work/posted" 2>/dev/null)"

note "and that it is well again; a restart repeats nothing, and an outage makes nobody late"
expect 0 fk a backup main
looks east west
told "east overdue a main
east recovered a main"
agree
server_kill east TERM
server_by_clock east
joined east
looks east west
server_kill east TERM
server_kill west TERM
at=$((at + 70))  # overdue since ten minutes when they are back
clock $at
server_by_clock west
server_by_clock east
joined east west
until_minute $((at + 60)) east west
told "east overdue a main
east recovered a main"
until_minute $((at + 20)) east west
so_far="east overdue a main
east recovered a main
east overdue a main"
told "$so_far"

note "while the primary is away the alternate tells, and the primary does not repeat it"
expect 0 fk a backup main
looks east west
so_far="$so_far
east recovered a main"
told "$so_far"
agree
server_kill east TERM
until_minute $((at + 90)) west
so_far="$so_far
west overdue a main"
told "$so_far"
grep -q "the partner has not answered for 30 minutes or more" "$work/west.log" || fail "west does not say why it tells: $(tail -n 3 "$work/west.log")"
server_by_clock east
joined east
agree
until_minute $((at + 110)) east west
told "$so_far"

note "a quota counts from the reload on, for whoever connects"
head -c 3000000 /dev/urandom >"$work/src/noise"
for name in east west; do
  cp "$work/$name.ini" "$work/$name.free"
  printf '[limits]\nagent_quota = 1MiB\n' >>"$work/$name.ini"
done
looks east west
expect 8 fk a backup main
for name in east west; do cp "$work/$name.free" "$work/$name.ini"; done
looks east west
expect 0 fk a backup main

note "a machine that was renamed is listed by its new name on both servers, and found by either"
sed -i 's/^name = a$/name = renamed/' "$work/a.ini"
grep -q "^name = renamed" "$work/a.ini" || echo "name = renamed" | sed -i '/^\[agent\]$/r /dev/stdin' "$work/a.ini"
expect 0 fk a backup main
for name in east west; do
  for i in $(seq 100); do farkeep-server agents --data "$work/$name" >"$work/out" && grep -q " renamed " "$work/out" && break; sleep 0.1; done
  grep -q " renamed " "$work/out" || fail "$name does not list the new name: $(cat "$work/out")"
done
for called in a renamed; do
  expect 0 farkeep-server snapshots --data "$work/east" --agent $called
  grep -q " renamed " "$work/out" "$work/err" || fail "its snapshots are not found as $called: $(cat "$work/out" "$work/err")"
done
echo "passed"
