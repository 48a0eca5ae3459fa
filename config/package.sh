#!/usr/bin/env bash
# Makes the Debian packages: builds release, packs it, and has lintian look at what came out.
#   config/package.sh [OUTDIR]      default: packages/ below the build folder
#   FARKEEP_BUILD=DIR               where to build (default: build/ in the clone)
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export FARKEEP_BUILD=${FARKEEP_BUILD:-$top/build}
out=${1:-$FARKEEP_BUILD/packages}
mkdir -p "$out"
out=$(realpath "$out")
. "$top/config/packages.sh"
farkeep_packages package

cd "$top"
cmake -S . -B "$FARKEEP_BUILD/release" -C config/cmake/release.cmake -DFARKEEP_PORTABLE=ON -DFARKEEP_TESTS=OFF -DFARKEEP_BENCH=OFF >/dev/null
cmake --build "$FARKEEP_BUILD/release" -j "$(nproc)"
work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-package.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Files of a package are readable for all, whatever the caller's umask.
umask 022
cpack --config "$FARKEEP_BUILD/release/CPackConfig.cmake" -B "$work" >"$work/log" || { cat "$work/log" >&2; exit 1; }
lintian --fail-on error,warning "$work"/*.deb
mv "$work"/*.deb "$out/"
ls -l "$out"/*.deb
