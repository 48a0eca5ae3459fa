#!/usr/bin/env bash
# The units: systemd finds no mistake in them, and no more exposure than these limits.  In a root of their own, with the built programs where
# the units look for them: nothing else on this machine can make it pass or fail.
set -euo pipefail
: "${FARKEEP_BIN:?names the folder of the programs}"
command -v systemd-analyze >/dev/null || { echo "skipped: systemd is not installed"; exit 77; }
units=$(cd "$(dirname "$0")/../../systemd" && pwd)
root=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-units.XXXXXX")
trap 'rm -rf "$root"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir -p "$root/usr/bin" "$root/usr/lib/systemd/system"
ln -s usr/bin "$root/bin"
ln -s usr/lib "$root/lib"
for t in /lib/systemd/system/*.target; do cp -L "$t" "$root/usr/lib/systemd/system/"; done
cp "$(type -P kill)" "$root/usr/bin/"
for p in farkeepd farkeep-server; do ln "$FARKEEP_BIN/$p" "$root/usr/bin/" 2>/dev/null || cp "$FARKEEP_BIN/$p" "$root/usr/bin/"; done

verify() { systemd-analyze verify --root="$root" --man=no --recursive-errors=no "$1" 2>&1; }
for unit in farkeepd farkeep-server; do
  installed=$root/usr/lib/systemd/system/$unit.service
  cp "$units/$unit.service" "$installed"
  said=$(verify "$unit.service") || fail "systemd-analyze verify $unit.service: $said"
  [ -z "$said" ] || fail "systemd-analyze verify $unit.service: $said"
  # and it is no empty promise
  sed 's/^Restart=on-failure/Restrat=on-failure/' "$units/$unit.service" >"$installed"
  ! verify "$unit.service" >/dev/null || fail "a misspelt key in $unit.service is not found"
  sed 's,^ExecStart=/usr/bin/,&no-,' "$units/$unit.service" >"$installed"
  ! verify "$unit.service" >/dev/null || fail "a missing program in $unit.service is not found"
  cp "$units/$unit.service" "$installed"
done

# exposure UNIT LIMIT: in tenths, as --threshold wants them.
exposure() {
  local said rc=0
  said=$(systemd-analyze security --offline=true --no-pager --root="$root" --threshold="$2" "$1.service" 2>&1) || rc=$?
  echo "-- $1: $(sed -n 's/.*\(exposure level.*: [0-9.]* [A-Z]*\).*/\1/p' <<<"$said"), the limit is $2 tenths"
  [ $rc -eq 0 ] || fail "$1.service is more exposed than it may be: $(grep '✗' <<<"$said")"
}
exposure farkeepd 21
exposure farkeep-server 12
! (exposure farkeepd 5) >/dev/null 2>&1 || fail "the limit is not looked at"
echo "passed"
