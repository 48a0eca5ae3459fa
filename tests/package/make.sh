#!/usr/bin/env bash
# Two versions of the packages, from this build tree, into FARKEEP_PACKAGES/1 and /2; lintian finds neither error nor warning in them.
set -euo pipefail
: "${FARKEEP_TREE:?names the build tree}" "${FARKEEP_PACKAGES:?names where the packages go}"
for tool in cpack dpkg-shlibdeps file lintian; do command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }; done
fail() { echo "FAILED: $*" >&2; exit 1; }
umask 022
rm -rf "$FARKEEP_PACKAGES"
mkdir -p "$FARKEEP_PACKAGES"
for release in 1 2; do
  cpack --config "$FARKEEP_TREE/CPackConfig.cmake" -B "$FARKEEP_PACKAGES/$release" -D CPACK_DEBIAN_PACKAGE_RELEASE=$release >"$FARKEEP_PACKAGES/log" 2>&1 || fail "cpack: $(cat "$FARKEEP_PACKAGES/log")"
  rm -rf "$FARKEEP_PACKAGES/$release/_CPack_Packages"
  ls "$FARKEEP_PACKAGES/$release"
done
# Only a release build has all of Debian's hardening.
skipped=()
[ "${FARKEEP_BUILD_TYPE:-}" = Release ] || skipped=(--suppress-tags hardening-no-fortify-functions,hardening-no-relro,hardening-no-bindnow)
lintian --fail-on error,warning "${skipped[@]}" "$FARKEEP_PACKAGES"/1/*.deb || fail "lintian has found something"
for p in "$FARKEEP_PACKAGES"/1/*.deb; do
  dpkg-deb --fsys-tarfile "$p" | tar -tv | awk '$2 != "root/root" {bad = 1; print} END {exit bad}' || fail "$p has files that are not root's"
done
echo "passed"
