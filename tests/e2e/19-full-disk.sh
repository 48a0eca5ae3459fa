#!/usr/bin/env bash
# A server whose disk is full: it refuses new data, revokes and restores, starts again and restores, and takes new data by itself when there is room.
. "$(dirname "$0")/lib.sh" 119
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "skipped: needs root and mount namespaces"; exit 77; }
if [ "${2:-}" != inside ]; then
  trap - EXIT
  rm -rf "$work"
  exec unshare -m --propagation private bash "$0" 119 inside
fi

mkdir "$work/east" "$work/src"
mount -t tmpfs -o size=24m,mode=0700 none "$work/east" || { echo "skipped: a tmpfs cannot be mounted"; exit 77; }
unmount() { local rc=$?; umount -l "$work/east" 2>/dev/null || true; set +e; (exit $rc); cleanup; }
trap unmount EXIT
farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
server_up east
farkeep-server account add test --data "$work/east" >>"$work/init.log" 2>&1
alone() {  # NAME: an agent that no second server helps
  agent_ini "$1" "$work/src"
  sed -i "/^server = $west/d" "$work/$1.ini"
  token >"$work/$1.token"
  farkeep --config "$work/$1.ini" register >"$work/$1.log" 2>&1
}
head -c 3000000 /dev/urandom >"$work/src/one"
alone a
alone thief
expect 0 farkeep --config "$work/a.ini" backup main

note "more than there is room for is refused, and the reserve stays"
head -c 40000000 /dev/urandom >"$work/src/large"
expect 4 farkeep --config "$work/a.ini" backup main
grep -q "space" "$work/err" || fail "the agent does not say that there is no space: $(cat "$work/err")"
free() { df --output=avail -B1 "$work/east" | tail -n 1; }
head -c 64M /dev/zero >"$work/east/filler" 2>/dev/null || true
truncate -s "-1M" "$work/east/filler"  # what the reserve leaves for other things
[ "$(free)" -lt 1572864 ] || fail "the disk is not full"
expect 0 farkeep-server status --data "$work/east"
grep -q "no new data is taken" "$work/out" || fail "status does not say that the disk is full"
expect 0 farkeep-server agent revoke thief --data "$work/east"
expect 5 farkeep --config "$work/thief.ini" snapshots

note "without a byte of room it starts and restores"
server_kill east TERM
# Again and again: memory file systems count in batches, and refuse the last of them at first.
for _ in 1 2 3 4 5 6 7 8; do
  head -c 4M /dev/zero >>"$work/east/filler2" 2>/dev/null || true
  [ "$(free)" -ge 65536 ] || break
done
[ "$(free)" -lt 65536 ] || fail "there is room: $(free) bytes"
server_up east
expect 0 farkeep --config "$work/a.ini" restore latest --target "$work/out1"
cmp "$work/src/one" "$work/out1$work/src/one"
expect 0 farkeep --config "$work/a.ini" check --read-data

note "when there is room, and nobody restarts it, it takes new data"
rm "$work/east/filler" "$work/east/filler2" "$work/src/large"
head -c 1000000 /dev/urandom >"$work/src/two"
for i in $(seq 60); do
  rc=0
  farkeep --config "$work/a.ini" backup main >"$work/out" 2>"$work/err" || rc=$?
  [ $rc -ne 0 ] || break
  sleep 1
done
[ $rc -eq 0 ] || fail "it does not take new data again: $(cat "$work/err")"
expect 0 farkeep --config "$work/a.ini" restore latest --target "$work/out2"
cmp "$work/src/two" "$work/out2$work/src/two"
echo "passed"
