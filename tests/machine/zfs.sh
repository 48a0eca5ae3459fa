# In the machine: the README's recipe for ZFS.
. "$(dirname "$0")/../e2e/lib.sh" 118
. "$(dirname "$0")/recipe.sh"
data=/tank/data
# The name below .zfs may stay a while, of an empty folder that is nothing.
gone() { ! zfs list tank/data@now >/dev/null 2>&1 && ! mountpoint -q /tank/data/.zfs/snapshot/now; }

modprobe zfs
truncate -s 1G /scratch/pool
zpool create tank /scratch/pool
zfs create tank/data
pair_up
agent zfs "$(block 'zfs snapshot')"
moments zfs
killed zfs
note "no snapshot can be made: the run fails"
zfs rename tank/data tank/other
fails zfs
zfs rename tank/other tank/data
expect 0 fk zfs backup main
echo "passed"
