#!/usr/bin/env bash
# The packages that config/package.sh made, on each version of Debian, in roots made for it: they install with what is packaged there, and a backup comes back.
# Minutes and some hundred MiB for each, from Debian's mirrors: run by hand, before packages are published.
#   tests/package/others.sh FOLDER-OF-PACKAGES [SUITE…]     default: bookworm trixie sid
#   FARKEEP_ROOTS=DIR                                        keeps the roots there, for the next time
set -euo pipefail
fail() { echo "FAILED: $*" >&2; exit 1; }
[ -n "${1:-}" ] && [ -d "$1" ] || { sed -n '2,5s/^# *//p' "$0" >&2; exit 2; }
packages=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- bookworm trixie sid
[ "$(id -u)" = 0 ] || fail "debootstrap needs root"
command -v debootstrap >/dev/null || fail "debootstrap is not installed"
work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-others.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
roots=${FARKEEP_ROOTS:-$work}
mkdir -p "$roots"

# A data centre, an agent, a backup, a change, a restore: in the root, without a network but its own.
cat >"$work/story.sh" <<'STORY'
set -euo pipefail
for p in farkeep farkeepd farkeep-server farkeep-deploy; do $p --version >/dev/null; done
rm -rf /tmp/story && mkdir -p /tmp/story/src && cd /tmp/story
seq 100000 >src/numbers && head -c 3000000 /dev/urandom >src/noise && ln -s numbers src/link
farkeep-server init --name one --address 127.0.0.9 --data /tmp/story/server >init.log
farkeep-server run --data /tmp/story/server >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait' EXIT
for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.9/16384) 2>/dev/null && break; sleep 0.1; done
farkeep-server account add test --data /tmp/story/server >/dev/null
(umask 077 && farkeep-server token create --account test --data /tmp/story/server >token)
cat >agent.ini <<INI
[agent]
state = /tmp/story/state
[registration]
server = 127.0.0.9
ca_file = /tmp/story/server/ca.pem
token_file = /tmp/story/token
[job main]
path = /tmp/story/src
schedule = daily 02:30 Europe/Berlin
INI
farkeep --config agent.ini config check >/dev/null
farkeep --config agent.ini register >/dev/null
farkeep --config agent.ini backup main >/dev/null
echo more >src/more
farkeep --config agent.ini backup main >/dev/null
farkeep --config agent.ini restore latest --target /tmp/story/out >/dev/null
diff -r src out/tmp/story/src
STORY

for suite; do
  root=$roots/$suite
  if [ ! -e "$root/.made" ]; then
    echo "-- $suite: making a root"
    debootstrap --variant=minbase "$suite" "$root" >"$work/log" 2>&1 || fail "debootstrap $suite: $(tail -n 5 "$work/log")"
    touch "$root/.made"
  fi
  cp /etc/resolv.conf "$root/etc/"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
  rm -rf "$root/srv/deb" && mkdir -p "$root/srv/deb" && cp "$packages"/*.deb "$root/srv/deb/"
  echo "-- $suite: installing"
  unshare -m --propagation private bash -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
    exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends --reinstall /srv/deb/*.deb"' - "$root" \
    >"$work/log" 2>&1 || fail "installing on $suite: $(tail -n 15 "$work/log")"
  echo "-- $suite: a backup and a restore"
  cp "$work/story.sh" "$root/srv/story.sh"
  unshare -m -n -p -f --kill-child --propagation private bash -c 'ip link set lo up && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
    exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C bash /srv/story.sh' - "$root" >"$work/log" 2>&1 || fail "the story on $suite: $(tail -n 15 "$work/log")"
  echo "$suite: passed"
done
