#!/usr/bin/env bash
# The packages' life on a machine without systemd as its first process: installed, used as the units use them, upgraded, removed, installed again,
# purged.
. "$(dirname "$0")/root.sh"
if [ "${1:-}" != --inside ]; then
  needs setpriv systemd-sysusers unshare
  work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-life.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  rc=0
  unshare -m -p -f --kill-child --propagation private bash "$0" --inside "$work" || rc=$?
  exit $rc
fi

work=$2
make_root "$work"
mount --rbind /dev "$root/dev"
mode_of() { in_root stat -c '%a %U:%G' "$1"; }
# What a purge has to take away again: names in the folders where packages put things.  dpkg's own files, users and logs stay.
names() (cd "$1" && find etc usr/bin usr/lib/systemd usr/lib/sysusers.d usr/lib/tmpfiles.d usr/share/doc usr/share/man usr/share/bash-completion usr/share/zsh usr/share/fish usr/share/lintian var/lib \
  -path var/lib/dpkg -prune -o -path var/lib/systemd/deb-systemd-helper-enabled -prune -o -name '*-' -prune -o "${@:2}" -print 2>/dev/null | sort)
# What differs from the names before, of what was written in this root: other tests write in the one below it meanwhile.
left_behind() {
  names "$upper" ! -type c | comm -13 "$work/before" - | sed 's/^/left behind: /'
  names "$upper" -type c | comm -12 "$work/before" - | sed 's/^/gone: /'
}
pids=()
# as_unit USER CAPABILITY COMMAND…: as the unit of that user runs it; its process is the last of pids.
as_unit() {
  local user=$1 capability=$2
  shift 2
  (exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps="$capability" --ambient-caps="$capability" --bounding-set="$capability" "$@") \
    >>"$work/$user.log" 2>&1 &
  pids+=($!)
}
stop_all() {
  local p
  for p in "${pids[@]}"; do kill "$p"; done
  for p in "${pids[@]}"; do wait "$p" || fail "a program did not end cleanly: $(tail -n 5 "$work"/*.log)"; done
  pids=()
}
serve() {
  as_unit farkeep-server -all farkeep-server run
  until_it "the server" listens
}
agent() { as_unit farkeep -all,+dac_read_search farkeepd --config /etc/farkeep/agent.ini; }

names "$root" >"$work/before"
users_before=$(cat /etc/passwd)

note "installed: users, folders, units enabled, nothing configured, and all of it readable"
install 1
is "the agent's folder" "$(mode_of /var/lib/farkeep)" "700 farkeep:farkeep"
is "the server's folder" "$(mode_of /var/lib/farkeep-server)" "700 farkeep-server:farkeep-server"
is "the folder of the configuration" "$(mode_of /etc/farkeep)" "750 root:root"
is "the configuration" "$(ls -A "$root/etc/farkeep")" ""
for unit in farkeepd farkeep-server; do [ -L "$root/etc/systemd/system/multi-user.target.wants/$unit.service" ] || fail "$unit.service is not enabled"; done
for user in farkeep farkeep-server; do
  in_root setpriv --reuid $user --regid $user --clear-groups ls /etc/farkeep >/dev/null || fail "$user cannot read the folder of its configuration"
done
! in_root setpriv --reuid nobody --regid nogroup --clear-groups ls /etc/farkeep >/dev/null 2>&1 || fail "everybody can read the folder of the configuration"
in_root man -w farkeep farkeepd farkeep-server 5 agent.ini server.ini >"$work/out" || fail "pages are missing: $(cat "$work/out")"
in_root farkeep --config /usr/share/doc/farkeep/examples/agent.ini config check >"$work/out" 2>&1 && fail "the sample is a configuration already"
grep -q "the key server is missing in \[registration\]" "$work/out" || fail "the sample has other mistakes: $(cat "$work/out")"
in_root bash -c '. /usr/share/bash-completion/completions/farkeep && complete -p farkeep' >/dev/null || fail "bash finds no completions"

note "a data centre, an agent, a backup by the daemon and one by root"
in_root farkeep-server init --name solo --address $address >"$work/init.log" 2>&1 || fail "init: $(cat "$work/init.log")"
serve
make_data
register_agent
foreign() { in_root find /var/lib/farkeep ! -user farkeep; }
is "what root's registration left for others" "$(foreign)" ""
# A backup reads again what had changed less than two seconds before the last one read it.
aged() { [ $(($(date +%s) - $(stat -c %Z "$root/srv/data/folder/numbers"))) -gt 3 ]; }
until_it "the data's age" aged
agent
until_it "the daemon's backup" has_snapshots 1
in_root farkeep backup main >"$work/backup.log" 2>&1 || fail "backup: $(cat "$work/backup.log")"
is "what root's backup left for others" "$(foreign)" ""
restores

# What must survive anything but the administrator.
kept() { (cd "$root" && sha256sum etc/farkeep/* var/lib/farkeep/identity var/lib/farkeep/*.key && find var/lib/farkeep-server/identity -type f -exec sha256sum {} +); }
kept >"$work/kept"
[ "$(wc -l <"$work/kept")" -ge 7 ] || fail "there is less to keep than there should be: $(cat "$work/kept")"
unchanged() { kept | cmp -s - "$work/kept" || fail "$1 changed what must stay: $(kept | diff "$work/kept" -)"; }

note "upgraded under the running programs: configuration, keys and snapshots survive, and the next backup goes on from the last"
install 2
for p in farkeep farkeep-server farkeep-deploy; do [[ $(in_root dpkg-query -W -f '${Version}' $p) == *-2 ]] || fail "$p was not upgraded"; done
unchanged "the upgrade"
stop_all
serve
agent
echo more >"$root/srv/data/more"
in_root farkeep backup main --json >"$work/backup.log" 2>&1 || fail "backup: $(cat "$work/backup.log")"
grep -q '"files_unchanged":2,' "$work/backup.log" || fail "the backup did not go on from the last one: $(tail -n 1 "$work/backup.log")"
restores
stop_all

note "a unit that the administrator disabled stays so"
in_root systemctl disable farkeepd.service 2>/dev/null
install 1
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/farkeepd.service" ] || fail "the unit is enabled again"
in_root systemctl enable farkeepd.service 2>/dev/null

note "removed: the programs are gone, nothing else; installed again, it goes on"
in_root dpkg -r farkeep farkeep-server farkeep-deploy >"$work/out" 2>&1 || fail "removing: $(cat "$work/out")"
for p in farkeep farkeepd farkeep-server; do [ ! -e "$root/usr/bin/$p" ] || fail "$p is still there"; done
unchanged "the removal"
install 2
unchanged "installing again"
serve
restores
stop_all

note "purged: keys and backups stay, and dpkg says so"
in_root dpkg -P farkeep farkeep-server farkeep-deploy >"$work/out" 2>&1 || fail "purging: $(cat "$work/out")"
unchanged "the purge"
for what in /var/lib/farkeep /var/lib/farkeep-server /etc/farkeep; do grep -q ": $what stays" "$work/out" || fail "the purge does not say that $what stays: $(cat "$work/out")"; done

note "without keys a purge leaves nothing"
rm -rf "$root/var/lib/farkeep" "$root/var/lib/farkeep-server" "$root"/etc/farkeep/*
install 1
mkdir -p "$root/var/lib/farkeep/jobs/main"
in_root dpkg -P farkeep farkeep-server farkeep-deploy >"$work/out" 2>&1 || fail "purging: $(cat "$work/out")"
! grep -q stays "$work/out" || fail "the purge speaks of something: $(cat "$work/out")"
left_behind >"$work/out"
[ ! -s "$work/out" ] || fail "the purge: $(cat "$work/out")"
is "the users of the machine itself" "$(cat /etc/passwd)" "$users_before"
echo "passed"
