#!/usr/bin/env bash
# All tests, from a bare clone: installs what is missing, builds, runs the whole suite.
#   tests/run.sh [PRESET…]      default: asan dev.  tsan runs the same suite under the thread sanitizer.
# Build trees go to $FARKEEP_BUILD (default: build/ in the clone, ignored by git).
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
. config/packages.sh
farkeep_packages test
export FARKEEP_BUILD=${FARKEEP_BUILD:-$top/build}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
jobs=$(nproc)

presets=("$@")
[ ${#presets[@]} -gt 0 ] || presets=(asan dev)
for preset in "${presets[@]}"; do
  echo "== $preset: building" >&2
  mkdir -p "$FARKEEP_BUILD"
  cmake --preset "$preset" >"$FARKEEP_BUILD/$preset.log" 2>&1 || { cat "$FARKEEP_BUILD/$preset.log"; exit 1; }
  cmake --build --preset "$preset" -j "$jobs"
  echo "== $preset: testing" >&2
  ctest --preset "$preset" -j "$jobs" --output-on-failure --no-tests=error
done
