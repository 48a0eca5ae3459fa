#!/usr/bin/env bash
# Farkeep on one machine, start to end: builds the programs, sets up a pair of data centres on 127.0.0.2 and 127.0.0.3 and an agent,
# backs FOLDER up, takes the primary away, and restores from the alternate, byte for byte.
#
#   config/quickstart.sh [FOLDER]        default: /etc
#   FARKEEP_KEEP=1                       leaves everything running and says how to go on and how to stop it
#   FARKEEP_BUILD=DIR                    where to build (default: build/ in the clone)
#
# Runs as often as you like, cleans up after itself, needs no systemd.  Nothing leaves this machine.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(realpath "${1:-/etc}")
[ -d "$folder" ] || { echo "quickstart: $folder is not a folder" >&2; exit 2; }

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

step "Building (Debian packages are installed if they are missing)"
. "$top/config/packages.sh"
farkeep_packages build
export FARKEEP_BUILD=${FARKEEP_BUILD:-$top/build}
cd "$top"
cmake -S . -B "$FARKEEP_BUILD/release" -C config/cmake/release.cmake -DFARKEEP_TESTS=OFF -DFARKEEP_BENCH=OFF >/dev/null
NINJA_STATUS="[%f of %t, %e s] " cmake --build "$FARKEEP_BUILD/release" -j "$(nproc)"
PATH=$FARKEEP_BUILD/release/bin:$PATH

work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-quickstart.XXXXXX")
pids=()
finish() {
  local rc=$?
  trap - EXIT INT TERM
  if [ $rc -eq 0 ] && [ -n "${FARKEEP_KEEP:-}" ]; then
    step "Left running in $work"
    echo "Try:   $FARKEEP_BUILD/release/bin/farkeep --config $work/agent.ini snapshots"
    echo "Stop:  kill ${pids[*]}; rm -rf $work"
    exit 0
  fi
  for p in "${pids[@]:-}"; do [ -z "$p" ] || kill "$p" 2>/dev/null || true; done
  for p in "${pids[@]:-}"; do [ -z "$p" ] || wait "$p" 2>/dev/null || true; done
  [ $rc -eq 0 ] || { echo "quickstart failed; the servers said:" >&2; tail -n 5 "$work"/*.log >&2 2>/dev/null || true; }
  chmod -R u+rwX "$work" 2>/dev/null || true
  rm -rf "$work"
  exit $rc
}
trap finish EXIT
trap 'exit 130' INT TERM

# start NAME ADDRESS: runs a server and waits until it listens.
start() {
  farkeep-server run --data "$work/$1" >"$work/$1.log" 2>&1 &
  pids+=($!)
  local i
  for i in $(seq 100); do
    (exec 3<>"/dev/tcp/$2/16384") 2>/dev/null && return 0
    kill -0 "${pids[-1]}" 2>/dev/null || { echo "the server $1 ended:" >&2; cat "$work/$1.log" >&2; return 1; }
    sleep 0.1
  done
  echo "the server $1 does not listen on $2:16384" >&2
  return 1
}

step "Two data centres: east (127.0.0.2) invites west (127.0.0.3)"
show farkeep-server init --data "$work/east" --name east --address 127.0.0.2
start east 127.0.0.2
farkeep-server invite --data "$work/east" >"$work/invitation"
show farkeep-server init --data "$work/west" --name west --address 127.0.0.3 --invite "$work/invitation"
start west 127.0.0.3
show farkeep-server account add example --data "$work/east"
farkeep-server token create --account example --data "$work/east" >"$work/token"

step "An agent"
cat >"$work/agent.ini" <<INI
[agent]
state = $work/agent
name = quickstart

[registration]
server = 127.0.0.2
server = 127.0.0.3
ca_file = $work/east/ca.pem
token_file = $work/token

[job main]
path = $folder
schedule = every 4h
INI
show farkeep --config "$work/agent.ini" register

backup() {  # unreadable files (exit 3) are normal for a user who is not root
  local rc=0
  printf '\033[2m$ farkeep --config %s backup main\033[0m\n' "$work/agent.ini"
  farkeep --config "$work/agent.ini" backup main || rc=$?
  [ $rc -eq 0 ] || [ $rc -eq 3 ] || return $rc
}
step "Back up $folder, twice: the second run finds nothing new"
backup
backup
show farkeep --config "$work/agent.ini" snapshots --wait-protected

step "The primary data centre is lost"
kill -9 "${pids[0]}"
wait "${pids[0]}" 2>/dev/null || true
pids=("${pids[1]}")

step "Restore from the alternate"
show farkeep --config "$work/agent.ini" restore latest --target "$work/restored"
# What this user may not read is not in the snapshot; backup said so.
differences=$(diff -r --no-dereference "$folder" "$work/restored$folder" 2>&1 | while IFS= read -r line; do
  case $line in
    *"Permission denied"* | "File "*" is a "*" while "*) ;;
    "Only in $folder"*)
      path=${line#Only in }
      path=${path%%: *}/${path#*: }
      if [ -r "$path" ] || [ -L "$path" ]; then printf '%s\n' "$line"; fi
      ;;
    *) printf '%s\n' "$line" ;;
  esac
done || true)
if [ -n "$differences" ]; then
  echo "The restored folder differs:" >&2
  printf '%s\n' "$differences" | head >&2
  exit 6
fi
files=$(find "$work/restored$folder" -type f | wc -l)
step "Done: $files files of $folder restored byte for byte from the alternate"
