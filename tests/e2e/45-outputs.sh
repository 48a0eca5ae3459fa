#!/usr/bin/env bash
# What the programs say and what is said to them: results that do not arrive are noticed, readers that go away end no work, a hook's bytes harm no record, and
# one job's failure keeps no other job from running.
. "$(dirname "$0")/lib.sh" 145

pair_up
mkdir "$work/src"
for i in $(seq -w 3000); do echo "$i" >"$work/src/a-file-with-a-name-of-some-length-$i"; done
cat >"$work/latin.sh" <<'S'
#!/bin/sh
[ -e "$1" ] && exit 0
printf 'Zugriff f\374r niemand, und ein halbes Zeichen: \342\202\n' >&2
exit 201
S
chmod 700 "$work/latin.sh"
agent_ini a "$work/src"
cat >>"$work/a.ini" <<INI
[job latin]
path = $work/latin.sh
before = $work/latin.sh $work/good
[job other]
path = $work/latin.sh
INI
token >"$work/a.token"
fk a register >"$work/a.log" 2>&1

note "what a hook prints in another encoding is kept written out, and its status is no signal"
expect 1 fk a backup latin
says 'status 201'
expect 0 fk a status --json
python3 -c "import json; job = [j for j in json.load(open('$work/out', encoding='utf-8'))['jobs'] if j['name'] == 'latin'][0]
assert job['failures_in_a_row'] == 1 and 'f\\\\xfcr niemand' in job['last_text'] and '\\\\xe2\\\\x82' in job['last_text'], job"
expect 1 fk a backup latin
expect 0 fk a jobs
says 'failed'

note "one job that fails keeps no other from running, and the exit code is the worst one's"
expect 1 fk a backup latin main other
says 'job latin: '
says 'of 3 jobs these failed: latin'
expect 0 fk a snapshots
says ' main '
says ' other '

note "results that a full disk does not take are noticed"
full() {
  local rc=0
  "$@" >/dev/full 2>"$work/err" || rc=$?
  [ $rc -eq 1 ] || fail "$* into a full disk ended with $rc, not 1: $(cat "$work/err")"
  grep -q 'standard output' "$work/err" || fail "$* into a full disk does not say so: $(cat "$work/err")"
}
for verb in "key recovery" "snapshots" "snapshots --json" "ls latest:main" "ls --json latest:main" "status --json" "jobs" "check" "config generate" "config check" "connection rules" "connection show" \
  "explain $work/src" "backup main" "--help" "generate --bash-completion -"; do full farkeep --config "$work/a.ini" $verb; done
for verb in "token create --account test" "invite --replace" "agents --json" "account list" "status" "pair"; do full farkeep-server $verb --data "$work/east"; done
full farkeep-server config generate
full farkeep-deploy generate --bash-completion -
full farkeep-deploy --help
full farkeepd --help
full farkeepd --version
expect 0 fk a snapshots
[ "$(grep -c ' main ' "$work/out")" -eq 2 ] || fail "the backup whose results had no room made no snapshot: $(cat "$work/out")"

note "a reader that goes away ends a list quietly, and no work"
rc=0
fk a ls latest:main 2>"$work/err" | head -n 1 >"$work/out" || rc=${PIPESTATUS[0]}
[ $rc -eq 141 ] && [ ! -s "$work/err" ] || fail "ls | head ended with $rc: $(cat "$work/err")"
mkfifo "$work/nobody"
without_reader() { # COMMAND…: all that it prints goes to a pipe that was read once
  exec 8<>"$work/nobody" 9>"$work/nobody" 8>&-
  rc=0
  "$@" >&9 2>&9 || rc=$?
  exec 9>&-
}
without_reader fk a backup main
[ $rc -eq 141 ] || fail "a backup that nobody heard of ended with $rc"
without_reader fk a restore latest:main --target "$work/back"
same "$work/src" "$work/back$work/src"
expect 0 fk a snapshots
[ "$(grep -c ' main ' "$work/out")" -eq 3 ] || fail "the backup whose reader was gone made no snapshot: $(cat "$work/out")"

note "streams that were closed are nobody else's"
rc=0
fk a backup main <&- >&- 2>&- || rc=$?
[ $rc -eq 0 ] || fail "a backup without standard streams ended with $rc"
rc=0
fk a restore latest:main --target "$work/back2" <&- >&- 2>&- || rc=$?
[ $rc -eq 0 ] || fail "a restore without standard streams ended with $rc"
same "$work/src" "$work/back2$work/src"

note "the daemon and a server outlive the reader of their messages; a job that is due waits for a run by hand, and says so once"
sed -i 's/^\[job other\]/&\nschedule = every 1m/' "$work/a.ini"
exec 7>"$work/a.state/lock"
flock 7
farkeepd --config "$work/a.ini" >"$work/a.d.log" 2>&1 7>&- &
pid_of[a]=$!
within() { # FILE PATTERN: it comes to say that
  local i
  for i in $(seq 1200); do
    grep -q -- "$2" "$1" && return 0
    sleep 0.05
  done
  fail "$1 does not come to say '$2': $(tail -n 5 "$1")"
}
within "$work/a.d.log" 'job other: is due, and waits'
[ "$(grep -c 'job other: starts' "$work/a.d.log")" -eq 0 ] || fail "the daemon says that a job starts that waits"
exec 7>&-
within "$work/a.d.log" 'job other: snapshot'
[ "$(grep -c 'job other: starts' "$work/a.d.log")" -eq 1 ] && [ "$(grep -c 'job other: is due, and waits' "$work/a.d.log")" -eq 1 ] || fail "the daemon says it more than once: $(cat "$work/a.d.log")"
server_kill a TERM
server_kill east TERM
mkfifo "$work/log"
head -n 1 "$work/log" >/dev/null &
farkeep-server run --data "$work/east" >"$work/log" 2>&1 &
pid_of[east]=$!
is_there east
expect 0 fk a backup main
kill -HUP "${pid_of[east]}"
expect 0 fk a backup main
kill -0 "${pid_of[east]}" || fail "the server ended with the reader of its messages"
