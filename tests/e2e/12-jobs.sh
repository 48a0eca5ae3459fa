#!/usr/bin/env bash
# What a job is made of besides paths: commands, hooks, marks and ignore files; and what farkeep explain says about it.
. "$(dirname "$0")/lib.sh" 112

mkdir -p "$work/src/marked" "$work/src/project/obj"
seq 1000 >"$work/src/numbers"
seq 9 >"$work/src/marked/left-out"
: >"$work/src/marked/.nobackup"
echo 'obj/' >"$work/src/project/.farkeepignore"
seq 9 >"$work/src/project/obj/left-out"
seq 9 >"$work/src/project/code"
head -c 3M /dev/zero >"$work/src/large"
pair_up
agent_up a "$work/src"
ini=$work/a.ini
cat >>"$ini" <<END
command = dump.sql: cat "$work/dump"
exclude_if_present = .nobackup
ignore_file = .farkeepignore
exclude_larger_than = 2MiB
exclude = *.tmp
before = test ! -e "$work/skip" || exit 75; echo "\$FARKEEP_HOOK \$FARKEEP_JOB" >>"$work/told"
after = echo "\$FARKEEP_HOOK \$FARKEEP_OUTCOME \$FARKEEP_FILES" >>"$work/told"; test ! -e "$work/after-fails"
after_failure = echo "\$FARKEEP_HOOK \$FARKEEP_ERROR" >>"$work/told"
finally = echo "\$FARKEEP_HOOK \$FARKEEP_OUTCOME" >>"$work/told"
END
fk a config check >/dev/null

note "a command that fails makes no snapshot, and says why"
expect 1 fk a backup main
grep -q "cat \"$work/dump\"' ended with status 1 (cat: $work/dump: No such file" "$work/err" || fail "why: $(cat "$work/err")"
grep -q "^after_failure .*No such file" "$work/told" || fail "the hook was not told: $(cat "$work/told")"
expect 0 fk a snapshots
[ ! -s "$work/out" ] || ! grep -q main "$work/out" || fail "there is a snapshot: $(cat "$work/out")"

note "the dump is in the snapshot, what is left out is not"
head -c 5M /dev/urandom >"$work/dump"
rm "$work/told"
expect 0 fk a backup main
[ "$(cat "$work/told")" = "before main
after done 5
finally done" ] || fail "the hooks: $(cat "$work/told")"
fk a restore latest --target "$work/back" >/dev/null
cmp "$work/dump" "$work/back/command-output/dump.sql"
expect 0 fk a snapshots --json
grep -q '/command-output/dump.sql"' "$work/out" || fail "the snapshot does not tell of the dump: $(cat "$work/out")"
(cd "$work/back$work/src" && find . -type f | sort) >"$work/found"
diff "$work/found" - <<'END' || fail "not the files that were wanted"
./marked/.nobackup
./numbers
./project/.farkeepignore
./project/code
END

note "a hook has the run skipped, quietly"
: >"$work/skip"
expect 0 fk a backup main
grep -q "job main is skipped" "$work/out" || fail "it does not say so: $(cat "$work/out")"
expect 0 fk a jobs
grep -q "last run skipped 20.*, as its before hook asked for; before that it ended 20.*: snapshot " "$work/out" || fail "the jobs: $(cat "$work/out")"
expect 0 fk a status
grep -q "; its before hook had the last run skipped$" "$work/out" || fail "the status: $(cat "$work/out")"
rm "$work/skip"

note "an after hook that fails: the snapshot is there, exit code 3"
: >"$work/after-fails"
expect 3 fk a backup main
grep -q "the snapshot is made, but not all that should follow it: after: " "$work/out" || fail "it does not say so: $(cat "$work/out")"
rm "$work/after-fails"

note "explain names the rule and its line"
line=$(grep -n '^exclude = ' "$ini" | cut -d: -f1)
expect 0 fk a explain "$work/src/x.tmp" "$work/src/numbers" "$work/src/marked/left-out" "$work/src/project/obj/left-out" "$work/src/large" /nowhere
diff "$work/out" - <<END || fail "not what was expected"
job main: '$work/src/x.tmp' is left out: the rule *.tmp leaves it out ($ini:$line)
job main: '$work/src/numbers' is backed up: no rule leaves it out
job main: '$work/src/marked/left-out' is left out: its folder has .nobackup (exclude_if_present)
job main: '$work/src/project/obj/left-out' is left out with '$work/src/project/obj': the rule obj/ of an ignore_file leaves it out ('$work/src/project/.farkeepignore':1)
job main: '$work/src/large' is left out: it is larger than exclude_larger_than allows
job main: '/nowhere' is left out: it lies below none of the job's paths
END

note "who is to be notified hears of a failure and of its end, once each; Prometheus reads what happened"
cp "$ini" "$work/before.ini"
sed -i "s|^\[job main\]|[job told]|; s|^before = .*|before = rm -f $work/rules; test -e $work/go|; s|^after_failure = .*||; s|^finally = .*||" "$ini"
cat >>"$ini" <<END
schedule = every 4h
retry_for = 1h
[job later]
path = $work/src
exclude_file = $work/rules
schedule = every 4h
[notify]
command = echo "\$FARKEEP_EVENT \$FARKEEP_JOB \$FARKEEP_TEXT" >>"$work/heard"
END
sed -i "s|^\[agent\]|[agent]\nmetrics_file = $work/farkeep.prom|" "$ini"
: >"$work/rules"
farkeepd --config "$ini" >"$work/daemon.log" 2>&1 &
pid_of[farkeepd]=$!
heard() {
  local i
  for i in $(seq 1200); do grep -q "$1" "$work/heard" 2>/dev/null && return 0; sleep 0.05; done
  fail "nobody heard '$1': $(cat "$work/heard" "$work/daemon.log")"
}
heard "^failed told job told failed: the command 'rm -f $work/rules; test -e $work/go' ended with status 1"
heard "^failed later job later failed: reading the exclude rules of job later: exclude_file $work/rules does not exist"
grep -q '^farkeep_job_failures{job="later"} 1$' "$work/farkeep.prom" || fail "the metrics: $(cat "$work/farkeep.prom")"
grep -q '^farkeep_job_failures{job="told"} 1$' "$work/farkeep.prom" || fail "the metrics: $(cat "$work/farkeep.prom")"
[ "$(stat -c %a "$work/farkeep.prom")" = 644 ] || fail "others cannot read the metrics"
: >"$work/go"
expect 0 fk a backup told
: >"$work/rules"
kill -HUP "${pid_of[farkeepd]}"  # which changes nothing: the daemon looks 45 s after its start
heard "^recovered told job told is well again"
[ "$(wc -l <"$work/heard")" = 3 ] || fail "more than that was told: $(cat "$work/heard")"
grep -q '^farkeep_job_snapshot_files{job="told"} 5$' "$work/farkeep.prom" || fail "the metrics: $(cat "$work/farkeep.prom")"
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly: $(cat "$work/daemon.log")"
unset "pid_of[farkeepd]"
cp "$work/before.ini" "$ini"

note "of a run that is skipped nobody hears"
rm "$work/heard"
sed -i "s|^\[job main\]|[job standby]|; s|^before = .*|before = exit 75|" "$ini"
cat >>"$ini" <<END
schedule = every 4h
[notify]
when = all
command = echo "\$FARKEEP_EVENT \$FARKEEP_JOB" >>"$work/heard"
END
: >"$work/told"
farkeepd --config "$ini" >"$work/daemon.log" 2>&1 &
pid_of[farkeepd]=$!
for i in $(seq 1200); do ! grep -q "job standby: skipped, as its before hook asked for" "$work/daemon.log" || break; sleep 0.05; done
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly: $(cat "$work/daemon.log")"
unset "pid_of[farkeepd]"
[ "$(cat "$work/told")" = "finally skipped" ] || fail "the hooks: $(cat "$work/told" "$work/daemon.log")"
[ ! -e "$work/heard" ] || fail "somebody heard: $(cat "$work/heard")"
expect 0 fk a jobs
grep -q "last run skipped 20.*; before that it never ran" "$work/out" || fail "the jobs: $(cat "$work/out")"
cp "$work/before.ini" "$ini"

note "the daemon ends in the middle of a hook: the hook is ended, what must follow has run, and the run is continued"
rm -f "$work/told"
sed -i "s|^\[job main\]|[job new]|; s|^before = .*|before = echo \$\$ >$work/hook.pid; exec sleep 1000|" "$ini"
echo 'schedule = every 4h' >>"$ini"
farkeepd --config "$ini" >"$work/daemon.log" 2>&1 &
pid_of[farkeepd]=$!
for i in $(seq 1200); do [ ! -s "$work/hook.pid" ] || break; sleep 0.05; done
[ -s "$work/hook.pid" ] || fail "the hook does not run: $(cat "$work/daemon.log")"
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly: $(cat "$work/daemon.log")"
unset "pid_of[farkeepd]"
! kill -0 "$(cat "$work/hook.pid")" 2>/dev/null || fail "the hook still runs"
[ "$(cat "$work/told")" = "finally stopped" ] || fail "the hooks: $(cat "$work/told")"
expect 0 fk a status
grep -q "the last run was cut off and will be continued" "$work/out" || fail "the status: $(cat "$work/out")"
echo "passed"
