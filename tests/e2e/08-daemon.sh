#!/usr/bin/env bash
# The daemon alone: runs what is due, takes a new configuration over, refuses a wrong one, ends when it is told to.
. "$(dirname "$0")/lib.sh" 97

mkdir -p "$work/src" "$work/more"
seq 1000 >"$work/src/numbers"
seq 2000 >"$work/more/numbers"
pair_up
agent_up a "$work/src"
sed -i 's/^state =/log_level = info\nstate =/' "$work/a.ini"
echo "schedule = every 4h" >>"$work/a.ini"
log=$work/daemon.log
# until WHAT: the log says it, from line $seen on.
seen=0
until_log() {
  local i at
  for i in $(seq 600); do
    at=$(tail -n "+$((seen + 1))" "$log" 2>/dev/null | grep -n -m 1 -- "$1" | cut -d : -f 1) || true
    if [ -n "$at" ]; then
      seen=$((seen + at))
      return 0
    fi
    kill -0 "${pid_of[farkeepd]}" 2>/dev/null || fail "farkeepd ended: $(cat "$log")"
    sleep 0.05
  done
  fail "the log does not say '$1': $(cat "$log")"
}

note "a job that never ran is due at once"
farkeepd --config "$work/a.ini" >"$log" 2>&1 &
pid_of[farkeepd]=$!
until_log "job main: snapshot"

note "a wrong configuration is refused, with its line, and the old one stays"
cp "$work/a.ini" "$work/good.ini"
echo "exlude = *.tmp" >>"$work/a.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log "a.ini:$(wc -l <"$work/a.ini")"
until_log "the old configuration stays"
sed "s|^ca_file.*|ca_file = $work/nothing.pem|" "$work/good.ini" >"$work/a.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log "the old configuration stays"

note "so is a drop-in with a mistake, and a file that includes what is not there"
cp "$work/good.ini" "$work/a.ini"
mkdir "$work/a.ini.d"
printf '[job second]\npath = %s\nschedule = evry 1h\n' "$work/more" >"$work/a.ini.d/second.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log "a.ini.d/second.ini:3"
until_log "the old configuration stays"
printf '[include]\nfile = none.ini\n' >"$work/a.ini.d/second.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log "a.ini.d/second.ini:2: .*a.ini.d/none.ini: there is no such file"
until_log "the old configuration stays"

note "a new job, in a drop-in, is taken over without a restart"
printf '[job second]\npath = %s\nschedule = every 1h\n' "$work/more" >"$work/a.ini.d/second.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log "job second: snapshot"

note "so is how it logs"
printf '[agent]\nlog_format = json\n' >"$work/a.ini.d/log.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log '"level":"info","message":"the configuration .* is taken over"'
rm "$work/a.ini.d/log.ini"
kill -HUP "${pid_of[farkeepd]}"
until_log " info the configuration .* is taken over"

note "it ends cleanly, and a restart repeats nothing"
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly: $(cat "$log")"
farkeepd --config "$work/a.ini" >>"$log" 2>&1 &
pid_of[farkeepd]=$!
printf '\n[job third]\npath = %s\nschedule = every 1h\n' "$work/more" >>"$work/a.ini"
handles "${pid_of[farkeepd]}" 1
kill -HUP "${pid_of[farkeepd]}"  # which may cut the third job off, if it was read at the start: then it is continued
until_log "job third: snapshot"
[ "$(grep -c 'job main: snapshot' "$log")" = 1 ] || fail "main ran twice: $(cat "$log")"
[ "$(grep -c 'job second: snapshot' "$log")" = 1 ] || fail "second ran twice: $(cat "$log")"
expect 0 fk a snapshots --wait-protected
for job in main second third; do grep -q "protected  $job " "$work/out" || fail "job $job has no snapshot: $(cat "$work/out")"; done
note "what runs when and why; a pause; a word that ends a run"
expect 0 fk a jobs
grep -q "^job main (every 4h): next 20.* (its schedule); last ran 20.*, done 20.*: snapshot" "$work/out" || fail "the jobs are not told: $(cat "$work/out")"
expect 0 fk a pause second --for 2h
expect 0 fk a jobs --json
grep -q '"paused_until":"20' <<<"$(grep '"name":"second"' "$work/out")" || fail "the pause is not told: $(cat "$work/out")"
expect 0 fk a pause
expect 0 fk a jobs
[ "$(grep -c "paused until it is resumed" "$work/out")" = 3 ] || fail "not all are paused: $(cat "$work/out")"
expect 0 fk a resume second
grep -q "stays paused with all jobs" "$work/out" || fail "the other pause is not told: $(cat "$work/out")"
expect 2 fk a pause secnd
grep -q "did you mean 'second'" "$work/err" || fail "no hint: $(cat "$work/err")"
printf '\n[job paused]\npath = %s\nschedule = every 1h\n[limits]\nupload = 8Mbit\n' "$work/large" >>"$work/a.ini"
mkdir "$work/large"
head -c 30M /dev/urandom >"$work/large/noise"
kill -HUP "${pid_of[farkeepd]}"
until_log "is taken over"
expect 1 fk a cancel paused  # it does not run
expect 0 fk a resume
until_log "job paused: starts"   # within a minute: the clock is looked at so often
expect 0 fk a cancel paused
until_log "job paused: it was cancelled"
expect 0 fk a jobs
grep -q "^job paused .*: next 20.* (its schedule); last ran .*, ended 20.*: it was cancelled" "$work/out" || fail "what became of it is not told: $(cat "$work/out")"
note "the daemon finds out by itself that a snapshot is on both servers"
expect 0 fk a backup main
for i in $(seq 900); do
  expect 0 fk a status --json
  grep -q '"name":"main",[^}]*"protected":true' "$work/out" && break
  sleep 0.1
done
grep -q '"name":"main",[^}]*"protected":true' "$work/out" || fail "it never asks: $(cat "$work/out")"
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly"
unset 'pid_of[farkeepd]'

note "who looks at how things stand turns no backup away"
for i in $(seq 100); do mkdir -p "$work/many/$i/"{1..20}; done
printf '\n[job many]\npath = %s\n' "$work/many" >>"$work/a.ini"
expect 0 fk a backup many
caught=
for i in $(seq 50); do
  farkeep --config "$work/a.ini" status --all >"$work/status.out" 2>&1 &
  pid_of[status]=$!
  # Stopped in the middle of its walk, which an open folder shows (only root sees it).
  while kill -STOP "${pid_of[status]}" 2>/dev/null; do
    ! grep -q " $work/many/" <<<"$(ls -l "/proc/${pid_of[status]}/fd" 2>/dev/null)" || { caught=yes; break 2; }
    kill -CONT "${pid_of[status]}"
  done
  wait "${pid_of[status]}" || fail "status: $(cat "$work/status.out")"
done
[ -n "$caught" ] || [ "$(id -u)" != 0 ] || fail "status was never seen at its walk"
expect 0 fk a backup main
if [ -n "$caught" ]; then
  kill -CONT "${pid_of[status]}"
  wait "${pid_of[status]}" || fail "status: $(cat "$work/status.out")"
fi
unset 'pid_of[status]'
echo "passed"
