# In the machine: the README's recipe for thin LVM, and for LVM that is not, with ext4 and XFS.
. "$(dirname "$0")/../e2e/lib.sh" 117
. "$(dirname "$0")/recipe.sh"
data=/data
gone() { ! mountpoint -q /run/now && ! lvs vg/now >/dev/null 2>&1 && [ ! -e /dev/vg/now ]; }
# volume THIN|THICK MKFS…: vg/data with this file system, on $data.
volume() {
  umount $data 2>/dev/null || true
  lvremove -qfy vg >/dev/null 2>&1 || true
  if [ "$1" = thin ]; then
    lvcreate -q -y -L 2G -T vg/pool >/dev/null
    lvcreate -q -y -V 600M -T vg/pool -n data >/dev/null
  else
    lvcreate -q -y -L 600M -n data vg >/dev/null
  fi
  shift
  "$@" /dev/vg/data >/dev/null
  mkdir -p $data
  mount /dev/vg/data $data
}

vgcreate -q -y vg /dev/vda
pair_up
thin=$(block lvcreate)
not_thin=$(grep -o 'lvcreate -y -s -L [^`]*' "$readme")
thick=$(sed "s|= lvcreate.*|= $not_thin|" <<<"$thin")
xfs_options=$(grep -o '`-o ro,[^`]*' "$readme" | tr -d '`')
xfs() { sed "s|-o ro|$xfs_options|" <<<"$1"; }

volume thin mkfs.ext4 -q
agent thin-ext4 "$thin"
moments thin-ext4
killed thin-ext4
note "no snapshot can be made: the run fails"
lvrename -q vg data other
fails thin-ext4
lvrename -q vg other data
expect 0 fk thin-ext4 backup main

volume thin mkfs.xfs -q
agent thin-xfs "$(xfs "$thin")"
moments thin-xfs
killed thin-xfs
note "the snapshot is made, and cannot be mounted: the run fails, and the snapshot is taken away"
agent thin-fails "$thin"
fails thin-fails

volume thick mkfs.ext4 -q
agent thick-ext4 "$thick"
moments thick-ext4
killed thick-ext4
note "more is written than the snapshot has room for: LVM unmounts it, and the run is not taken for a good one"
agent full "$(sed 's|-L [^ ]*|-L 8M|' <<<"$thick")"
echo "before = head -c 32M /dev/urandom >$data/more; sync; for i in \$(seq 300); do mountpoint -q $now || break; sleep 0.2; done" >>"$work/full.ini"
expect 3 fk full backup main
sed 's/^/   /' "$work/out" "$work/err"
gone || fail "the snapshot is still there"
rm $data/more

volume thick mkfs.xfs -q
agent thick-xfs "$(xfs "$thick")"
moments thick-xfs
killed thick-xfs
echo "passed"
