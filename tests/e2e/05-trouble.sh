#!/usr/bin/env bash
# What the world does to a backup: files that cannot be read or do not stand still, a quota, a full disk.  One clear message and its
# exit code each, and what is stored already stays whole.
. "$(dirname "$0")/lib.sh" 94

mkdir -p "$work/src/sub"
seq 100000 >"$work/src/numbers"
head -c 2000000 /dev/urandom >"$work/src/noise"
said() { grep -qi -- "$1" "$work/err" "$work/out" || fail "the message does not say '$1': $(cat "$work/out" "$work/err")"; }

full_disk=
if [ "$(id -u)" = 0 ]; then
  mkdir "$work/east" "$work/west"
  if mount -t tmpfs -o size=48m,mode=700 farkeep-e2e "$work/east" 2>/dev/null && mount -t tmpfs -o size=48m,mode=700 farkeep-e2e "$work/west"; then full_disk=1; fi
fi
release() {
  local rc=$?
  local name
  for name in "${!pid_of[@]}"; do kill -KILL "${pid_of[$name]}" 2>/dev/null || true; wait "${pid_of[$name]}" 2>/dev/null || true; done
  umount "$work/east" 2>/dev/null || true
  umount "$work/west" 2>/dev/null || true
  (exit $rc) || true
  cleanup_with $rc
}
cleanup_with() { (exit "$1") && true; cleanup; }
trap release EXIT

pair_up
agent_up a "$work/src"
expect 0 fk a backup main

note "an unreadable file: exit 3, its name is said, the rest is in the snapshot"
echo secret >"$work/src/sub/locked"
chmod 000 "$work/src/sub/locked"
unprivileged=()
if [ "$(id -u)" = 0 ]; then unprivileged=(setpriv --bounding-set=-dac_override,-dac_read_search); fi
expect 3 "${unprivileged[@]}" farkeep --config "$work/a.ini" backup main
said "sub/locked"
expect 0 fk a ls latest
grep -q "numbers" "$work/out" || fail "the rest is missing"
rm -f "$work/src/sub/locked"
expect 0 fk a backup main

note "a file that grows while it is read: kept with a mark, exit 3"
: >"$work/src/growing"
python3 - "$work/src/growing" <<'PY' &
import sys
with open(sys.argv[1], "ab", buffering=0) as f:
    f.write(b"x" * (64 << 20))
    while True:  # a byte at a time: more, and the system makes the writer wait for the disk
        f.write(b"y")
PY
pid_of[writer]=$!
while [ "$(stat -c %s "$work/src/growing")" -lt 67108864 ]; do :; done
rc=0
fk a backup main >"$work/out" 2>"$work/err" || rc=$?
kill -KILL "${pid_of[writer]}"
wait "${pid_of[writer]}" 2>/dev/null || true
unset 'pid_of[writer]'
[ $rc -eq 3 ] || fail "exit $rc, not 3: $(cat "$work/out" "$work/err")"
said "changed while"
rm "$work/src/growing"

note "a quota: exit 8, earlier snapshots stay"
farkeep-server account add small --agent-quota 4MiB --data "$work/east" >"$work/init.log" 2>&1
agent_ini q "$work/src"
farkeep-server token create --account small --data "$work/east" >"$work/q.token"
expect 0 fk q register
expect 0 fk q backup main
head -c 9000000 /dev/urandom >"$work/src/more"
expect 8 fk q backup main
said "quota"
expect 0 fk q check --read-data
rm "$work/src/more"
expect 0 fk q backup main

if [ -n "$full_disk" ]; then
  note "a full disk at both data centres: an error that says so, nothing stored is harmed, and it goes on when there is space"
  expect 0 fk a snapshots --wait-protected
  same_before=$(fk a snapshots | wc -l)
  for s in east west; do head -c 200M /dev/zero >"$work/$s/filler" 2>/dev/null || true; done
  head -c 20000000 /dev/urandom >"$work/src/too much"
  rc=0
  fk a backup main >"$work/out" 2>"$work/err" || rc=$?
  [ $rc -ne 0 ] || fail "a backup to a full disk succeeded"
  said "space"
  expect 0 fk a check --read-data
  [ "$(fk a snapshots | wc -l)" = "$same_before" ] || fail "a snapshot came or went"
  rm "$work/src/too much"
  mkdir "$work/earlier"
  expect 0 fk a restore latest --target "$work/earlier"
  rm "$work/east/filler" "$work/west/filler"
  echo "after the flood" >"$work/src/small"
  expect 0 fk a backup main
  expect 0 fk a snapshots --wait-protected
  expect 0 fk a restore latest --target "$work/restored"
  same "$work/src" "$work/restored$work/src"
fi
echo "passed"
