#!/usr/bin/env bash
# [limits] memory: first backup, later ones and restore of large and small files stay below it, as the kernel counts the whole program.
. "$(dirname "$0")/lib.sh" 134
[ -z "${FARKEEP_SANITIZED:-}" ] || { echo "skipped: a sanitizer's shadow is larger than any limit"; exit 77; }
limit=64

mkdir -p "$work/src/large" "$work/src/small"
# Noise that is the same in every run.
noise() { openssl enc -aes-128-ctr -nosalt -K "$(printf '%032x' "$1")" -iv 0 -in /dev/zero 2>/dev/null | head -c "$2" || true; }
noise 1 300000000 >"$work/src/large/one"
noise 2 200000000 >"$work/src/large/two"
noise 3 60000000 | split -b 20000 -a 4 - "$work/src/small/f"
for i in $(seq 8); do cp -r /usr/share/perl "$work/src/small/perl$i"; done

pair_up
agent_up a "$work/src"
printf '\n[limits]\nmemory = %sMiB\n' $limit >>"$work/a.ini"

# below_limit WHAT COMMAND…: by the most that the process ever had, which the kernel tells until it has ended.
below_limit() {
  local what=$1 most=0 now
  shift
  "$@" >"$work/out" 2>&1 &
  pid_of[measured]=$!
  while now=$(awk '/^VmHWM/ {print $2}' "/proc/${pid_of[measured]}/status" 2>/dev/null) && [ -n "$now" ]; do
    most=$now
    sleep 0.02
  done
  wait "${pid_of[measured]}" || fail "$what: $(tail -n 3 "$work/out")"
  unset "pid_of[measured]"
  note "$what: $((most / 1024)) MiB of $limit"
  [ "$most" -gt 8000 ] || fail "$what was not measured"
  [ "$most" -le $((limit * 1024)) ] || fail "$what took $most KiB"
}

below_limit "first backup" farkeep --config "$work/a.ini" backup main
noise 4 100000000 >>"$work/src/large/one"
below_limit "next backup" farkeep --config "$work/a.ini" backup main
below_limit "restore" farkeep --config "$work/a.ini" restore latest --target "$work/back"
same "$work/src" "$work/back$work/src"

note "status: nothing is unprotected, then one file is"
fk a snapshots --wait-protected >"$work/out"
fk a status >"$work/out"
grep -q 'job main: .*, protected (on both servers)' "$work/out" || fail "status: $(cat "$work/out")"
grep -q 'every file is in the snapshot' "$work/out" || fail "status: $(cat "$work/out")"
echo later >"$work/src/small/later"
fk a status >"$work/out"
grep -q "1 files (6 B) are in no snapshot as they are now; the newest: $work/src/small/later, modified " "$work/out" || fail "status: $(cat "$work/out")"
fk a --json status >"$work/out"
grep -q '"protected":true,"unprotected":{"known":true,"complete":true,"looked_at":[0-9]*,"files":1,"bytes":6,"doubtful":[0-9]*,"newest":"[^"]*/later"' "$work/out" || fail "status: $(cat "$work/out")"
server_kill west
farkeep --config "$work/a.ini" backup main >"$work/out" 2>&1 || fail "a backup with one server: $(tail -n 3 "$work/out")"
fk a status >"$work/out"
grep -q 'received by one server and not known to be on the other one yet' "$work/out" || fail "status: $(cat "$work/out")"
echo "passed"
