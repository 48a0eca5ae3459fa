#!/usr/bin/env bash
# Settings that are read again and again in the middle of a run, good ones and a wrong one in turn: the run ends well, by the last good settings, and nothing leaks.
. "$(dirname "$0")/lib.sh" 118
log=$work/daemon.log

mkdir "$work/src"
head -c 6M /dev/urandom >"$work/src/noise"
seq 20000 >"$work/src/numbers"
pair_up
agent_up a "$work/src"
cp "$work/a.ini" "$work/idle.ini"  # a job on request
# settings NAME UPLOAD: a file by which the job runs at once, and is begun anew whenever it is taken over; it cannot end before there is a file "go".
settings() {
  cat "$work/idle.ini" - >"$work/$1.ini" <<END
schedule = every 4h
tag = $1
before = echo $1 >>"$work/begun"
command = go: until [ -e "$work/go" ]; do sleep 0.05; done; echo went
finally = echo "\$FARKEEP_OUTCOME" >>"$work/ended"
[limits]
upload = $2
END
}
settings first 256kbit
settings second 264kbit
settings last 1Gbit
sed 's/^schedule = .*/shcedule = every 4h/' "$work/first.ini" >"$work/wrong.ini"

count() { grep -c -- "$2" "$1" 2>/dev/null || true; }
until_count() {  # FILE WORDS NUMBER: waits until so many of its lines have the words
  local i n
  for i in $(seq 6000); do
    n=$(count "$1" "$2")
    [ "${n:-0}" -lt "$3" ] || return 0
    kill -0 "$pid" 2>/dev/null || fail "farkeepd ended: $(tail -n 20 "$log")"
    sleep 0.01
  done
  fail "'$2' stands in ${1##*/} $n times, not $3: $(tail -n 20 "$log")"
}
is() { [ "$2" = "$3" ] || fail "$1: $2, not $3: $(tail -n 20 "$log")"; }
reload() {  # NAME: as one file at any moment
  cp "$work/$1.ini" "$work/new"
  mv "$work/new" "$work/a.ini"
  kill -HUP "$pid"
}
held() { echo "$(ls "/proc/$pid/fd" | wc -l) descriptors, $(ls "/proc/$pid/task" | wc -l) threads"; }
# What it holds when that does not change any more.
held_at_rest() {
  local last='' now same=0
  while [ $same -lt 10 ]; do
    now=$(held)
    if [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
    last=$now
    sleep 0.02
  done
  echo "$now"
}

note "what the daemon holds while it has nothing to do"
farkeepd --config "$work/a.ini" >"$log" 2>&1 &
pid=$!
pid_of[farkeepd]=$pid
handles "$pid" 1
reload idle
until_count "$log" "is taken over" 1
expect 0 fk a resume  # answered, so it lives again

note "what keeps a daemon from starting keeps it from taking settings over: it goes on"
mv "$work/a.state/root.key" "$work/root.key"
reload idle
until_count "$log" "the old configuration stays" 1
mv "$work/root.key" "$work/a.state/root.key"
expect 0 fk a pause main
expect 0 fk a resume  # answered, so it lives
before=$(held_at_rest)

note "sixty reloads in the middle of the run, every other one refused"
refused=1
for i in $(seq 15); do
  for name in first second; do
    reload $name
    until_count "$work/begun" "^$name\$" "$i"
    expect 0 fk a status
    grep -q "job main: .*; running now" "$work/out" || fail "the job does not run: $(cat "$work/out" "$log")"
    reload wrong
    refused=$((refused + 1))
    until_count "$log" "the old configuration stays" $refused
  done
done
is "taken over" "$(count "$log" "is taken over")" 31
is "begun" "$(wc -l <"$work/begun")" 30
is "ended, all but the last of them" "$(sort "$work/ended" | uniq -c | sed 's/^ *//')" "29 stopped"

note "twenty more that do not wait for one another, the last good one, and a wrong one: that one's settings hold"
for i in $(seq 10); do
  reload first
  reload wrong
done
reload last
until_count "$work/begun" "^last\$" 1
refused=$(count "$log" "the old configuration stays")
reload wrong
until_count "$log" "the old configuration stays" $((refused + 1))
is "ended well before it may" "$(count "$work/ended" "^done")" 0
: >"$work/go"
until_count "$work/ended" "^done\$" 1
expect 0 fk last snapshots --json
is "snapshots" "$(grep -c '"id"' "$work/out")" 1
grep -q '"tags":\["last"\]' "$work/out" || fail "not by the last good settings: $(cat "$work/out")"

note "it restores byte for byte"
expect 0 fk last restore latest --target "$work/back"
same "$work/src" "$work/back$work/src"
is "the command's output" "$(cat "$work/back/command-output/go")" went

note "and the daemon holds what it held before"
for i in $(seq 500); do [ "$(held)" != "$before" ] || break; sleep 0.02; done
is "held" "$(held_at_rest)" "$before"
is "the process" "$(kill -0 "$pid" && echo the same)" "the same"
kill -TERM "$pid"
wait "$pid" || fail "farkeepd did not end cleanly: $(tail -n 20 "$log")"
unset "pid_of[farkeepd]"
echo "passed"
