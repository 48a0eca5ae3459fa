#!/usr/bin/env bash
# Fuzzes every target with clang's libFuzzer and the sanitizers.
#   tests/fuzz/run.sh [SECONDS] [TARGET…]     default: 60 seconds for each target
#   FARKEEP_FUZZ_KEEP=1                       adds what was found worth keeping (small, new coverage) to corpus/<target>
# Works below $FARKEEP_BUILD (default: build/ in the clone): fuzz/corpus grows from run to run, fuzz/faults holds the inputs
# that broke a target.  To see one again: $FARKEEP_BUILD/fuzz/bin/fuzz_<target> FILE; to keep it fixed: put it into corpus/<target>.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=60
case ${1:-} in [0-9]*) seconds=$1; shift ;; esac
cd "$here/../.."
export FARKEEP_BUILD=${FARKEEP_BUILD:-$PWD/build}
build=$FARKEEP_BUILD/fuzz
cmake -S . -B "$build" -C config/cmake/fuzz.cmake >/dev/null
cmake --build "$build" --target fuzz_targets
# Whole sessions are coroutines, which clang 14 does not compile: those targets hunt without its help, built by g++ with the sanitizers.
asan=$FARKEEP_BUILD/asan
cmake -S . -B "$asan" -C config/cmake/asan.cmake >/dev/null
cmake --build "$asan" --target fuzz_hunters
python3 -B "$here/seed.py" --out "$build/seeds"
mkdir -p "$build/faults"

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for program in "$build"/bin/fuzz_*; do targets+=("${program##*/fuzz_}"); done
  for program in "$asan"/bin/replay_{answers,registry,session}; do targets+=("${program##*/replay_}"); done
fi
broken=()
for t in "${targets[@]}"; do
  work=$build/corpus/$t
  given=()
  for d in "$here/corpus/$t" "$build/seeds/$t"; do [ ! -d "$d" ] || given+=("$d"); done
  mkdir -p "$work"
  echo "== $t: $seconds s" >&2
  if [ ! -e "$build/bin/fuzz_$t" ]; then
    "$asan/bin/replay_$t" --hunt "$seconds" "$build/faults/$t-last" "${given[@]}" >"$build/$t.log" 2>&1 || broken+=("$t")
    grep 'inputs tried' "$build/$t.log" | sed "s/^/   /" >&2 || true
    continue
  fi
  "$build/bin/fuzz_$t" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/faults/$t-" "$work" "${given[@]}" >"$build/$t.log" 2>&1 || broken+=("$t")
  grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|cov:.*DONE' "$build/$t.log" | sed "s/^/   /" >&2 || true
  if [ -n "${FARKEEP_FUZZ_KEEP:-}" ]; then
    mkdir -p "$here/corpus/$t"
    # What the seeds cover is made anew from the vectors each time; only what goes beyond them is kept.
    rm -rf "$build/merged"
    mkdir "$build/merged"
    cp -n "$here/corpus/$t"/* "$build/seeds/$t"/* "$build/merged" 2>/dev/null || true
    "$build/bin/fuzz_$t" -merge=1 -max_len=1024 "$build/merged" "$work" >>"$build/$t.log" 2>&1
    for f in "$build/merged"/*; do
      [ -e "$build/seeds/$t/${f##*/}" ] || cp -n "$f" "$here/corpus/$t/"
    done
  fi
done
if [ ${#broken[@]} -gt 0 ]; then
  for t in "${broken[@]}"; do
    echo "== $t broke:" >&2
    grep -E 'ERROR|SUMMARY|Test unit written|runtime error' "$build/$t.log" >&2 || tail -n 20 "$build/$t.log" >&2
  done
  exit 1
fi
