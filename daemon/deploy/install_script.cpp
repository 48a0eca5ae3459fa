#include "install_script.hpp"

namespace farkeep::deploy {
namespace {

// Two values stand above it; everything else is the same in every bundle.
constexpr const char* kScript = R"SH(
usage="usage: sh install.sh [--root DIR] [--token-file FILE] [--no-register] [--no-start]
  --root DIR         installs below another root: an image.  Registers and starts nothing.
  --token-file FILE  the enrolment token, instead of the bundle's
  --no-register      installs the settings only
  --no-start         does not enable and start the service
Exit codes: 0 done, 1 failed, 2 usage or settings, 4 no server reachable, 5 token refused, 6 the bundle is damaged."

set -eu
umask 077
LC_ALL=C
export LC_ALL
say() { printf 'farkeep: %s\n' "$*"; }
die() { # CODE WHAT WHAT-TO-DO
  printf 'farkeep: installing bundle %s: %s\nfarkeep: what to do: %s\n' "$bundle" "$2" "$3" >&2
  exit "$1"
}

root= token= register=yes start=yes
while [ $# -gt 0 ]; do
  case $1 in
    --root | --token-file)
      [ $# -ge 2 ] || { printf '%s\n' "$usage" >&2; exit 2; }
      if [ "$1" = --root ]; then root=${2%/} register= start=; else token=$2; fi
      shift
      ;;
    --no-register) register= ;;
    --no-start) start= ;;
    --help) printf '%s\n' "$usage"; exit 0 ;;
    *) printf '%s\n' "$usage" >&2; exit 2 ;;
  esac
  shift
done
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
etc=$root/etc/farkeep

# 1. may we, and is the bundle whole?
[ "$(id -u)" = 0 ] || die 2 "only root can do it" "run it as root: sudo sh install.sh"
[ -z "$root" ] || [ -d "$root" ] || die 2 "there is no folder $root" "make it first, or correct --root"
(cd "$here" && sha256sum -c manifest >/dev/null 2>&1) ||
  die 6 "a file differs from the manifest: $(cd "$here" && sha256sum -c manifest 2>/dev/null | grep -v ': OK$' | tr '\n' ' ')" "copy the bundle again, whole"

# 2. the programs: installed, or as packages beside us
there() { if [ -n "$root" ]; then [ -x "$root/usr/bin/farkeep" ]; else command -v farkeep >/dev/null && command -v farkeepd >/dev/null; fi; }
if ! there; then
  set -- "$here"/*.deb
  if [ -e "$1" ]; then
    say "installing $*"
    DEBIAN_FRONTEND=noninteractive dpkg ${root:+"--root=$root"} -i "$@" </dev/null ||
      die 1 "dpkg could not install the packages beside install.sh" "see what it says above; packages that they need must lie there, too"
  elif [ -n "$root" ]; then
    say "note: $root has no farkeep yet; install the package there before it boots"
  else
    die 1 "the programs farkeep and farkeepd are not installed" "install the package, or put its .deb files beside install.sh"
  fi
fi

# 3. who owns what: the agent's user reads, root writes
uid=$(sed -n 's/^farkeep:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd" 2>/dev/null || true)
gid=$(sed -n 's/^farkeep:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/group" 2>/dev/null || true)
[ -n "$gid" ] || uid=
[ -n "$uid" ] || gid=0
secret=0600
[ "$gid" = 0 ] || secret=0640
as_agent() { if [ -n "$uid" ]; then setpriv --reuid "$uid" --regid "$gid" --clear-groups "$@"; else "$@"; fi; }
folder() { # NAME MODE OWNER
  [ -d "$1" ] || { mkdir -p "$1" && chown "$3" "$1" && chmod "$2" "$1"; } || die 1 "the folder $1 could not be made" "make room there, or correct its rights"
}
# There as long as the service has not taken over what changed: a run that is cut off leaves it to the next one.
changed=$etc/.not-taken-over
put() { # FILE NAME MODE: a file of ours, unless it is there already
  if ! cmp -s "$1" "$etc/$2"; then
    true >"$changed" || die 1 "nothing can be written in $etc" "make room there, or correct its rights"
    if [ "$2" = agent.ini ] && [ -e "$etc/$2" ]; then
      cp -p "$etc/$2" "$etc/$2.before" || die 1 "the settings in $etc could not be kept aside" "make room there, or correct its rights"
      say "the settings that were there are kept in $etc/$2.before"
    fi
    { cp "$1" "$etc/$2.new" && chown "0:$gid" "$etc/$2.new" && chmod "$3" "$etc/$2.new" && mv -f "$etc/$2.new" "$etc/$2"; } ||
      die 1 "$etc/$2 could not be written" "make room there, or correct its rights"
  else
    chown "0:$gid" "$etc/$2" && chmod "$3" "$etc/$2"
  fi
}

# 4. the files
registered() { [ -e "$root$state/identity" ]; }
(umask 022 && mkdir -p "$root/etc")
folder "$etc" 0750 "0:$gid"
put "$here/ca.pem" ca.pem 0644
[ ! -e "$here/escrow.pub" ] || put "$here/escrow.pub" escrow.pub 0644
put "$here/agent.ini" agent.ini "$secret"
(umask 022 && mkdir -p "$root$(dirname -- "$state")")
folder "$root$state" 0700 "${uid:-0}:$gid"
# Somebody may have made these folders as root, before the agent had a user of its own.
[ -z "$uid" ] || [ "$(stat -c %u "$root$state")" != 0 ] || chown -Rh "$uid:$gid" "$root$state"
[ -n "$root" ] || as_agent test -r "$etc/agent.ini" || { chgrp "$gid" "$etc" && chmod g+rx "$etc"; }
if ! registered; then
  [ -n "$token" ] || [ ! -e "$here/token" ] || token=$here/token
  [ -z "$token" ] || [ -r "$token" ] || die 2 "the token file $token cannot be read" "correct --token-file"
  [ -z "$token" ] || put "$token" token "$secret"
fi
say "the settings of bundle $bundle are in $etc"

# 5. registration
if [ -n "$register" ] && registered; then
  say "this machine is registered already"
elif [ -n "$register" ]; then
  [ -e "$etc/token" ] || die 5 "this bundle has no enrolment token" "give one with --token-file (farkeep-server token create prints it)"
  rc=0
  as_agent farkeep --config "$etc/agent.ini" register </dev/null || rc=$?
  case $rc in
    0) rm -f "$etc/token" ;;
    4) die 4 "the settings are installed, but no server was reached" "have the firewalls opened (firewall-sheet.txt), ask farkeep doctor, and run install.sh again" ;;
    5) die 5 "the settings are installed, but the servers refused this machine" "if it is the token: have a new bundle made, or give a token with --token-file, and run install.sh again" ;;
    *) die "$rc" "the settings are installed, but registering failed" "see what it says above, and run install.sh again" ;;
  esac
fi

# 6. the service
if [ -n "$start" ] && [ -d /run/systemd/system ]; then
  systemctl enable --quiet farkeepd.service || die 1 "systemd could not enable farkeepd.service" "see systemctl status farkeepd"
  if [ -e "$changed" ]; then act=reload-or-restart; else act=start; fi
  ! registered || systemctl "$act" farkeepd.service || die 1 "systemd could not start farkeepd.service" "see journalctl -u farkeepd"
  ! registered || say "farkeepd runs"
elif [ -n "$start" ]; then
  say "note: no systemd runs here; start farkeepd in this machine's own way"
elif [ -n "$root" ]; then
  [ ! -e "$root/lib/systemd/system/farkeepd.service" ] && [ ! -e "$root/usr/lib/systemd/system/farkeepd.service" ] ||
    systemctl "--root=$root" enable --quiet farkeepd.service || die 1 "farkeepd.service could not be enabled below $root" "see what systemctl says above"
  say "a machine made of $root registers when this install.sh, without --root, is run on it: at its first boot"
fi
rm -f "$changed"
)SH";

}  // namespace

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + "'";
}

std::string install_script(const std::string& bundle, const std::string& state) {
  return "#!/bin/sh\n# Installs the settings of a Farkeep deployment bundle, registers this machine and starts its agent: asks nothing, needs no network but the\n"
         "# way to the servers, and may be run again at any time.  README.txt says more.\nbundle=" +
         shell_word(bundle) + "\nstate=" + shell_word(state) + kScript;
}

}  // namespace farkeep::deploy
