#!/usr/bin/env bash
# The packages on a machine that systemd runs: a real one, as the first process of namespaces of its own.  The units start nothing before there is
# something to run for, then serve, back up, reload, come back after a crash, and are restarted by an upgrade.  Deployment bundles are installed there.
. "$(dirname "$0")/root.sh"
. "$(dirname "$0")/deployment.sh"
. "$(dirname "$0")/../machine/told.sh"
if [ "${1:-}" != --inside ]; then
  needs unshare systemctl ip
  work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-boot.XXXXXX")
  group=
  clean_up() {
    [ -z "$group" ] || find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    umount "$work/cgroup" 2>/dev/null || true
    rm -rf "$work"
  }
  trap clean_up EXIT
  mkdir "$work/cgroup"
  mount -t cgroup2 cgroup2 "$work/cgroup" 2>/dev/null || skip "no control groups (version 2) here"
  mkdir "$work/cgroup/farkeep-boot-$$" 2>/dev/null || skip "no control group can be made here"
  group=$work/cgroup/farkeep-boot-$$
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare -m -p -f -C -n -u -i --kill-child --propagation private bash "$0" --inside "$work"
  ) >"$work/systemd" 2>&1 &
  machine=$!
  while [ ! -e "$work/rc" ] && kill -0 $machine 2>/dev/null; do sleep 0.1; done
  kill -KILL $machine 2>/dev/null || true
  wait $machine 2>/dev/null || true
  for i in $(seq 100); do [ -s "$group/cgroup.procs" ] || ! grep -q 1 "$group/cgroup.events" || sleep 0.05; done
  cat "$work/story" 2>/dev/null || cat "$work/systemd"
  rc=$(cat "$work/rc" 2>/dev/null) || skip "systemd does not start here"
  exit "$rc"
fi

work=$2
# Read before this machine's files are no longer to be seen.
recipe=$(block 'btrfs subvolume' | sed 's|/srv/|/srv/fs/|g') granted=$(drop_in)
make_root "$work"
ip link set lo up
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" 2>/dev/null || { mount -t tmpfs tmpfs "$root/sys/fs/cgroup" && mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"; }
# A file system that makes snapshots, where there is one.
mkdir "$root/srv/fs"
truncate -s 300M "$work/memory/disk"
if command -v mkfs.btrfs >/dev/null && mkfs.btrfs -q "$work/memory/disk" >/dev/null && mount -o loop "$work/memory/disk" "$root/srv/fs" 2>/dev/null; then
  btrfs -q subvolume create "$root/srv/fs/data"
fi
# This machine's kernel is not the container's to set.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for d in null zero full random urandom tty; do
  touch "$root/dev/$d"
  mount --bind "/dev/$d" "$root/dev/$d"
done
touch "$root/dev/console"
mount --bind "$work/systemd" "$root/dev/console"
# Of this machine's services only those that the story needs.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/var/log/journal
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
for u in systemd-sysctl systemd-modules-load systemd-remount-fs systemd-udevd systemd-udev-trigger systemd-update-utmp kmod-static-nodes systemd-random-seed systemd-logind; do
  ln -sf /dev/null "$root/etc/systemd/system/$u.service"
done
for u in getty.target dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount; do ln -sf /dev/null "$root/etc/systemd/system/$u"; done

# Not a chroot: systemd builds the units' own roots from what is mounted at /.
mkdir "$root/srv/story"
mount --bind "$work" "$root/srv/story"
cd "$root"
pivot_root . mnt
umount -l /mnt
mount --make-rshared /  # as systemd has it, and in a container does not do itself: credentials come to a unit that way
root=/ work=/srv/story

field() { in_root systemctl show -P "$2" "$1"; }
running() { [ "$(field "$1" ActiveState)" = active ]; }
came_back() { running "$1" && [ "$(field "$1" MainPID)" != "$2" ]; }
journal() { in_root journalctl --no-pager -o cat -u "$@"; }
said() { grep -q -- "$2" <<<"$(journal "$1")"; }

story() {
  up() { grep -Eq 'running|degraded' <<<"$(in_root systemctl is-system-running 2>/dev/null)"; }
  local i
  for i in $(seq 600); do up && break || sleep 0.05; done
  up || skip "systemd does not come up here: $(tail -n 5 "$work/systemd")"

  note "installed: enabled, and not started before there is something to run for"
  install 1
  local unit pid
  for unit in farkeepd farkeep-server; do
    is "$unit is enabled" "$(in_root systemctl is-enabled $unit)" enabled
    is "$unit" "$(field $unit ActiveState), $(field $unit ConditionResult)" "inactive, no"
  done

  note "the server: ready when it listens, tells its status"
  in_root farkeep-server init --name solo --address $address >"$work/init.log" 2>&1 || fail "init: $(cat "$work/init.log")"
  # A configuration that nobody else may read.
  printf '[server]\nlisten = %s\n' $address >"$root/etc/farkeep/server.ini"
  chmod 640 "$root/etc/farkeep/server.ini"
  in_root chgrp farkeep-server /etc/farkeep/server.ini
  in_root systemctl start farkeep-server || fail "the server does not start: $(journal farkeep-server)"
  listens || fail "the server is ready and does not listen"
  is "the server's status" "$(field farkeep-server StatusText)" "listens on $address:16384"
  is "the server's watchdog" "$(field farkeep-server WatchdogUSec)" 2min
  is "the server's rights" "$(awk '/^Cap(Prm|Amb|Bnd)/ {printf "%s ", $2}' "$root/proc/$(field farkeep-server MainPID)/status")" "0000000000000000 0000000000000000 0000000000000000 "

  make_data
  deployment

  note "the agent: reads what is root's alone, changes nothing, listens on nothing"
  register_agent
  in_root systemctl start farkeepd || fail "the agent does not start: $(journal farkeepd)"
  until_it "the daemon's backup" has_snapshots 1
  until_it "the journal's word about it" said farkeepd "0 unreadable"
  pid=$(field farkeepd MainPID)
  is "the agent's rights" "$(awk '/^Cap(Prm|Amb|Bnd)/ {printf "%s ", $2}' "$root/proc/$pid/status")" "0000000000000004 0000000000000004 0000000000000004 "
  is "the agent's niceness" "$(cut -d ' ' -f 19 "$root/proc/$pid/stat")" 10
  until_it "the agent's status" eval '[[ $(field farkeepd StatusText) == "next: job main at "* ]]'
  ! grep -q "pid=$pid," <<<"$(in_root ss -ltnp)" || fail "the agent listens"
  restores

  note "a reload takes a new job over, and refuses a wrong file"
  printf '\n[job second]\npath = /etc/farkeep\nschedule = every 4h\n' >>"$root/etc/farkeep/agent.ini"
  in_root systemctl reload farkeepd
  until_it "the new job's backup" has_snapshots 2
  sed -i 's/^schedule/shcedule/' "$root/etc/farkeep/agent.ini"
  in_root systemctl reload farkeepd
  until_it "the refusal" said farkeepd "the old configuration stays"
  sed -i 's/^shcedule/schedule/' "$root/etc/farkeep/agent.ini"
  is "the agent's process" "$(field farkeepd MainPID)" "$pid"

  if [ -e "$root/srv/fs/data" ]; then
    note "a job that has the file system make a snapshot: its hooks may do so with what the unit's comment says, and only with that"
    echo then >"$root/srv/fs/data/file"
    printf '\n[job now]\nschedule = every 4h\n%s\n' "$recipe" >>"$root/etc/farkeep/agent.ini"
    in_root systemctl reload farkeepd
    until_it "the failure without it" said farkeepd "job now: .*btrfs subvolume snapshot.*ended with status"
    local folder=$root/etc/systemd/system/farkeepd.service.d
    mkdir "$folder"
    echo "$granted" >"$folder/snapshots.conf"
    sed -i 's/^\[job now\]/[job moment]/' "$root/etc/farkeep/agent.ini"  # due at once, as it never ran
    in_root systemctl daemon-reload
    in_root systemctl restart farkeepd || fail "the agent does not start with it: $(journal farkeepd | tail -n 5)"
    until_it "the backup of the snapshot" has_snapshots 3
    in_root farkeep restore latest --target /srv/now --path /srv/fs/now >"$work/restore.log" 2>&1 || fail "restore: $(cat "$work/restore.log")"
    is "the file in it" "$(cat "$root/srv/now/srv/fs/now/file")" then
    until_it "the end of the snapshot of the file system" [ ! -e "$root/srv/fs/now" ]  # the last hook runs when the backup is there already
    # And back: what the root's agent left in the state folder is the other one's again.
    rm "$folder/snapshots.conf"
    sed -i '/^\[job moment\]/,$d' "$root/etc/farkeep/agent.ini"
    in_root systemctl daemon-reload
    in_root systemctl restart farkeepd || fail "the agent does not start without it again: $(journal farkeepd | tail -n 5)"
  fi

  note "a server that dies comes back"
  pid=$(field farkeep-server MainPID)
  kill -KILL "$pid"
  until_it "the server" came_back farkeep-server "$pid"

  note "an upgrade restarts both; snapshots go on"
  local agent server
  agent=$(field farkeepd MainPID) server=$(field farkeep-server MainPID)
  install 2
  came_back farkeepd "$agent" || fail "the agent was not restarted: $(journal farkeepd | tail -n 5)"
  came_back farkeep-server "$server" || fail "the server was not restarted: $(journal farkeep-server | tail -n 5)"
  echo more >"$root/srv/data/more"
  in_root farkeep backup main >"$work/backup.log" 2>&1 || fail "backup: $(cat "$work/backup.log")"
  restores

  note "a password as a credential of systemd"
  printf '\n[connection]\nmode = http\n[http]\nproxy = 127.0.0.1:1\nuser = backup\npassword_file = /run/credentials/farkeepd.service/proxy-password\n' >>"$root/etc/farkeep/agent.ini"
  (umask 077 && echo secret >"$root/etc/farkeep/proxy-password")
  ! in_root systemctl restart farkeepd 2>/dev/null || fail "the agent starts without its password"
  mkdir -p "$root/etc/systemd/system/farkeepd.service.d"
  printf '[Service]\nLoadCredential=proxy-password:/etc/farkeep/proxy-password\n' >"$root/etc/systemd/system/farkeepd.service.d/password.conf"
  in_root systemctl daemon-reload
  in_root systemctl restart farkeepd || fail "the agent does not start with a credential: $(journal farkeepd | tail -n 5)"

  note "removed: both are stopped, and had ended cleanly"
  in_root systemctl stop farkeepd farkeep-server
  for unit in farkeepd farkeep-server; do is "$unit" "$(field $unit ActiveState), $(field $unit Result)" "inactive, success"; done
  in_root systemctl start farkeepd farkeep-server
  in_root dpkg -P farkeep farkeep-server farkeep-deploy >"$work/out" 2>&1 || fail "purging: $(cat "$work/out")"
  ! listens 2>/dev/null || fail "the server still serves"
  for unit in farkeepd farkeep-server; do is "$unit" "$(field $unit LoadState)" not-found; done
  echo "passed"
}

# The story beside systemd; its end ends the machine.
(
  rc=0
  (story) >"$work/story" 2>&1 || rc=$?
  if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then journal farkeepd -u farkeep-server -n 20 >>"$work/story" 2>&1 || true; fi
  echo $rc >"$work/rc.new"
  mv "$work/rc.new" "$work/rc"
) &
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target --show-status=0
