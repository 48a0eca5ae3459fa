#!/usr/bin/env bash
# The attacks with the numbers of the real thing: minutes, where ctest takes seconds.
#   FARKEEP_BIN=DIR tests/attacks/run.sh [NAME…]     the scripts to run, by the beginning of their names; all without
set -euo pipefail
: "${FARKEEP_BIN:?names the folder of the programs}"
cd "$(dirname "$0")"
export TOTAL=60000 STRANGERS=150
bad=0
for script in [0-9]*.py; do
  wanted=$#
  for name in "$@"; do [[ $script != "$name"* ]] || wanted=0; done
  [ "$wanted" -eq 0 ] || continue
  echo "== $script"
  python3 -B "$script" || { bad=1; echo "FAILED: $script" >&2; }
done
exit $bad
