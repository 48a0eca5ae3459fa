#!/usr/bin/env bash
# All tests, from a bare clone: installs what is missing, builds, runs the whole suite.
#   tests/run.sh [BUILD…]       default: asan dev; each is a file of config/cmake.  tsan runs the same suite under the thread sanitizer.
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

builds=("$@")
[ ${#builds[@]} -gt 0 ] || builds=(asan dev)
for build in "${builds[@]}"; do
  echo "== $build: building" >&2
  mkdir -p "$FARKEEP_BUILD"
  options=(-DFARKEEP_BENCH=OFF -DFARKEEP_UNITY=ON) slots=$jobs
  if [ "$build" = dev ]; then
    # Unit tests find more under a sanitizer; here it is whole programs, a thousand lives of them, and the lab.
    case " ${builds[*]} " in *" asan "* | *" tsan "*) options+=(-DFARKEEP_UNIT_TESTS=OFF) ;; esac
    # The lab, in two lanes, waits for most of its time.
    slots=$((jobs + 2))
  fi
  cmake -S . -B "$FARKEEP_BUILD/$build" -C "config/cmake/$build.cmake" "${options[@]}" >"$FARKEEP_BUILD/$build.log" 2>&1 || { cat "$FARKEEP_BUILD/$build.log"; exit 1; }
  cmake --build "$FARKEEP_BUILD/$build" -j "$jobs"
  echo "== $build: testing" >&2
  ctest --test-dir "$FARKEEP_BUILD/$build" -j "$slots" --output-on-failure --no-tests=error
done
