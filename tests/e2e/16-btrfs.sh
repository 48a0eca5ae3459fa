#!/usr/bin/env bash
# The recipe of the README for a file system that makes snapshots: what is backed up is one moment of it, and a run that was killed leaves nothing that
# the next one cannot go on with.
. "$(dirname "$0")/lib.sh" 116
. "$(dirname "$0")/../machine/recipe.sh"
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
size=60M
data=$work/mnt/data
gone() { [ ! -e "$work/mnt/now" ]; }
pair_up
agent a "$(block 'btrfs subvolume' | sed "s|/srv/|$work/mnt/|g")"

moments a 1
killed a
echo "passed"
