#!/usr/bin/env bash
# The recipe of the README for a file system that makes snapshots: what is backed up is one moment of it, and a run that was killed leaves nothing that
# the next one cannot go on with.
. "$(dirname "$0")/lib.sh" 116
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "skipped: needs root and mount namespaces"; exit 77; }
command -v mkfs.btrfs >/dev/null && grep -q btrfs /proc/filesystems && losetup -f >/dev/null 2>&1 || { echo "skipped: no btrfs, or no loop device"; exit 77; }
if [ "${2:-}" != inside ]; then
  trap - EXIT
  rm -rf "$work"
  exec unshare -m --propagation private bash "$0" 116 inside
fi

truncate -s 300M "$work/disk"
mkfs.btrfs -q "$work/disk" >/dev/null
mkdir "$work/mnt"
mount -o loop "$work/disk" "$work/mnt" || { echo "skipped: a loop device cannot be mounted"; exit 77; }
unmount() { umount "$work/mnt" 2>/dev/null || true; cleanup; }
trap unmount EXIT
btrfs -q subvolume create "$work/mnt/data"
mkdir "$work/mnt/data/a" "$work/mnt/data/z"
head -c 60M /dev/urandom >"$work/mnt/data/m"
pair_up
agent_up a "$work/mnt/now"
# As the README has it.
cat >>"$work/a.ini" <<END
before = btrfs subvolume delete $work/mnt/now 2>/dev/null; btrfs subvolume snapshot -r $work/mnt/data $work/mnt/now
finally = btrfs subvolume delete $work/mnt/now
END

note "two files that always change together, the first and the last that are read: they are of one moment"
: >"$work/go"
(n=0; while [ -e "$work/go" ]; do n=$((n + 1)); for f in a/first z/last; do echo $n >"$work/mnt/data/new" && mv "$work/mnt/data/new" "$work/mnt/data/$f"; done; done) &
pid_of[writer]=$!
expect 0 fk a backup main
rm "$work/go"
fk a restore latest --target "$work/back" >/dev/null
first=$(cat "$work/back$work/mnt/now/a/first") last=$(cat "$work/back$work/mnt/now/z/last")
[ $((first - last)) -le 1 ] && [ "$first" -ge "$last" ] || fail "$first and $last are of different times"
[ ! -e "$work/mnt/now" ] || fail "the snapshot is still there"

note "killed in the middle: the snapshot that is left over is taken away by the next run"
head -c 60M /dev/urandom >"$work/mnt/data/m"
farkeep --config "$work/a.ini" backup main >"$work/killed" 2>&1 &
victim=$!
for i in $(seq 400); do [ ! -e "$work/mnt/now/m" ] || break; sleep 0.02; done
kill -KILL $victim
wait $victim 2>/dev/null || true
[ -e "$work/mnt/now" ] || fail "it was too late to kill it: $(cat "$work/killed")"
expect 0 fk a backup main
[ ! -e "$work/mnt/now" ] || fail "the snapshot is still there"
rm -rf "$work/back"
fk a restore latest --target "$work/back" >/dev/null
cmp "$work/mnt/data/m" "$work/back$work/mnt/now/m"
echo "passed"
