# In the machine: the recipes as the service runs them, in the limits of its unit and of the drop-in for snapshots that the unit tells.
. "$(dirname "$0")/../e2e/lib.sh" 119
. "$(dirname "$0")/recipe.sh"
unit=$top/systemd/farkeepd.service
gone() {
  ! mountpoint -q /run/now && ! lvs vg/now >/dev/null 2>&1 && [ ! -e /srv/now ] && ! zfs list tank/data@now >/dev/null 2>&1
}

modprobe -a zfs dm-snapshot
vgcreate -q -y vg /dev/vda
lvcreate -q -y -L 1G -T vg/pool >/dev/null
lvcreate -q -y -V 300M -T vg/pool -n data >/dev/null
mkfs.ext4 -q /dev/vg/data
lvcreate -q -y -L 300M -n btrfs vg >/dev/null
mkfs.btrfs -q /dev/vg/btrfs
lvcreate -q -y -L 300M -n zfs vg >/dev/null
zpool create -f tank /dev/vg/zfs
zfs create tank/data
mkdir /data
mount /dev/vg/data /data
mount /dev/vg/btrfs /srv
btrfs -q subvolume create /srv/data
for f in /data/f /srv/data/f /tank/data/f; do echo "$f" >$f; done

systemd-sysusers "$top/systemd/farkeep.sysusers.conf"
install -m 755 "$FARKEEP_BIN/farkeepd" "$FARKEEP_BIN/farkeep" /usr/bin
install -m 644 "$unit" /etc/systemd/system
mkdir -p /etc/systemd/system/farkeepd.service.d /etc/farkeep /var/lib/farkeep
drop_in | tee /etc/systemd/system/farkeepd.service.d/snapshots.conf
chown farkeep: /var/lib/farkeep
pair_up
agent_ini a /
sed -i 's|^state = .*|state = /var/lib/farkeep\nlog_level = info|; /^\[job main\]/,$ d' "$work/a.ini"
job() { printf '[job %s]\nschedule = every 4h\n%s\n\n' "$1" "$2" >>"$work/a.ini"; }
job lvm "$(block lvcreate)"
job btrfs "$(block 'btrfs subvolume snapshot')"
job zfs "$(block 'zfs snapshot')"
cp "$work/a.ini" /etc/farkeep/agent.ini
(umask 077; token >"$work/a.token")
farkeep register >"$work/a.log" 2>&1

note "the service runs each of them"
systemctl daemon-reload
systemctl start farkeepd
for job in lvm btrfs zfs; do
  for i in $(seq 1200); do
    ! journalctl -q -o cat -u farkeepd | grep -E "^(\S+ )*job $job: (snapshot|.*(failed|again))" || break
    sleep 0.2
  done
done
systemctl stop farkeepd
journalctl -q -o cat -u farkeepd
gone || fail "a snapshot is still there"
n=0
for job in lvm btrfs zfs; do
  id=$(journalctl -q -o cat -u farkeepd | sed -nE "s/.*job $job: snapshot ([0-9a-f]+).*/\1/p" | tail -n 1)
  rm -rf "$work/back"
  [ -n "$id" ] && farkeep restore "$id" --target "$work/back" >/dev/null && [ -n "$(find "$work/back" -name f)" ] || { echo "$job: nothing"; n=$((n + 1)); }
done
[ $n = 0 ] || fail "$n of the recipes do not work in the unit"
echo "passed"
