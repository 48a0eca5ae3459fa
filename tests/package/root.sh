# A machine for the packages: an overlay over this one's root file system, in memory, in namespaces of its own, so that nothing here changes.
# Sourced by a script that calls itself with --inside in new namespaces.
set -euo pipefail
: "${FARKEEP_PACKAGES:?names the folder of the packages}"
fail() { echo "FAILED: $*" >&2; exit 1; }
note() { echo "-- $*"; }
skip() { echo "skipped: $*"; exit 77; }
is() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }

# needs TOOL…: root, the tools, and packages that were made.
needs() {
  local tool
  [ "$(id -u)" = 0 ] || skip "dpkg needs root"
  for tool in "$@"; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
  unshare -m true 2>/dev/null || skip "no namespaces here"
}

# make_root FOLDER: sets $root, with the packages in /srv/deb of it, and $upper, what differs there from this machine's.
make_root() {
  local d
  mkdir -p "$1/memory"
  mount -t tmpfs tmpfs "$1/memory"
  mkdir "$1/memory/upper" "$1/memory/work" "$1/memory/root"
  root=$1/memory/root
  upper=$1/memory/upper
  mount -t overlay overlay -o "lowerdir=/,upperdir=$upper,workdir=$1/memory/work" "$root" 2>/dev/null || skip "no overlay file system here"
  mount -t proc proc "$root/proc"
  for d in run tmp; do mount -t tmpfs tmpfs "$root/$d"; done
  chmod 1777 "$root/tmp"
  # A state that the tests understand, whatever is installed on this machine.
  rm -rf "$root/var/lib/farkeep" "$root/var/lib/farkeep-server" "$root/etc/farkeep" "$root/usr/sbin/policy-rc.d"
  rm -f "$root/var/lib/man-db/auto-update"  # an index of all pages of this machine, after every package
  mkdir -p "$root/srv/deb"
  cp -r "$FARKEEP_PACKAGES/1" "$FARKEEP_PACKAGES/2" "$root/srv/deb/"
}
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }
# install RELEASE: both packages.
install() { in_root sh -c "cd / && dpkg -i srv/deb/$1/*.deb" >"$work/out" 2>&1 || fail "installing release $1: $(cat "$work/out")"; }
until_it() {  # WHAT COMMAND…: waits until it succeeds
  local what=$1 i
  shift
  for i in $(seq 600); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  fail "$what did not come: $(tail -n 5 "$work"/*.log)"
}

address=127.60.0.2
listens() { (exec 3<>"/dev/tcp/$address/16384"); }
snapshots() { in_root farkeep snapshots --json | grep -c '"id"' || true; }
has_snapshots() { [ "$(snapshots)" -ge "$1" ]; }

# What to back up, of which some is root's alone.
make_data() {
  mkdir -p "$root/srv/data/folder"
  head -c 3000000 /dev/urandom >"$root/srv/data/noise"
  seq 100000 >"$root/srv/data/folder/numbers"
  chmod 600 "$root/srv/data/folder/numbers"
  ln -s nowhere "$root/srv/data/link"
}
# An account, a token, the agent's configuration, its registration.  The server runs.
register_agent() {
  in_root farkeep-server account add test >>"$work/init.log" 2>&1
  cp "$root/var/lib/farkeep-server/ca.pem" "$root/etc/farkeep/"
  (umask 077 && in_root farkeep-server token create --account test >"$root/etc/farkeep/token")
  cat >"$root/etc/farkeep/agent.ini" <<INI
[agent]
log_level = info

[registration]
server = $address
ca_file = /etc/farkeep/ca.pem
token_file = /etc/farkeep/token

[job main]
path = /srv/data
schedule = every 4h
INI
  chmod 600 "$root/etc/farkeep/agent.ini"
  in_root farkeep register >"$work/register.log" 2>&1 || fail "register: $(cat "$work/register.log")"
}
# Restores the newest snapshot, byte for byte, with owners, modes and times.
restores() {
  rm -rf "$root/srv/restored"
  in_root farkeep restore latest --target /srv/restored >"$work/restore.log" 2>&1 || fail "restore: $(cat "$work/restore.log")"
  diff -r --no-dereference "$root/srv/data" "$root/srv/restored/srv/data" || fail "what was restored differs"
  is "owners, modes and times" "$(cd "$root/srv/restored/srv/data" && find . -printf '%p %U %G %m %s %t\n' | sort)" "$(cd "$root/srv/data" && find . -printf '%p %U %G %m %s %t\n' | sort)"
}
