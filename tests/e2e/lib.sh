# What all e2e tests share.  Sourced with: . lib.sh NET   where NET is this test's own 127.NET.0.0/16.
# Real programs from $FARKEEP_BIN, in a folder of their own, on loopback addresses of their own.
set -euo pipefail
net=$1
: "${FARKEEP_BIN:?names the folder of the programs}"
PATH=$FARKEEP_BIN:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/farkeep-e2e.XXXXXX")
east=127.$net.0.2 west=127.$net.0.3
declare -A pid_of=()

cleanup() {
  local rc=$?
  trap - EXIT INT TERM
  local name
  for name in "${!pid_of[@]}"; do kill "${pid_of[$name]}" 2>/dev/null || true; done
  for name in "${!pid_of[@]}"; do wait "${pid_of[$name]}" 2>/dev/null || true; done
  if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then
    echo "--- the programs said last:" >&2
    tail -n 15 "$work"/*.log >&2 2>/dev/null || true
  fi
  chmod -R u+rwX "$work" 2>/dev/null || true
  rm -rf "$work"
  exit $rc
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() { echo "FAILED: $*" >&2; exit 1; }
note() { echo "-- $*"; }
# expect RC COMMAND…: the exit code is part of the interface.
expect() {
  local want=$1 rc=0
  shift
  "$@" >"$work/out" 2>"$work/err" || rc=$?
  [ $rc -eq "$want" ] || { cat "$work/out" "$work/err" >&2; fail "$* ended with $rc, not $want"; }
}
# says WORDS: what was run last by expect says so.
says() { grep -q -- "$1" "$work/out" "$work/err" || fail "it does not say '$1': $(cat "$work/out" "$work/err")"; }

address_of() { [ "$1" = east ] && echo "$east" || echo "$west"; }
# is_there NAME [ADDRESS]: waits until the server that was started as NAME listens.
is_there() {
  local i
  for i in $(seq 1200); do
    (exec 3<>"/dev/tcp/${2:-$(address_of "$1")}/16384") 2>/dev/null && return 0
    kill -0 "${pid_of[$1]}" 2>/dev/null || fail "the server $1 ended: $(tail -n 3 "$work/$1.log")"
    sleep 0.05
  done
  fail "the server $1 does not listen"
}
server_up() {  # NAME [OFFSET [ADDRESS]]: by a clock that is so much ahead (+300d), unless OFFSET is empty
  if [ -n "${2:-}" ]; then in_future "$2" exec farkeep-server run --data "$work/$1" >>"$work/$1.log" 2>&1 &
  else farkeep-server run --data "$work/$1" >>"$work/$1.log" 2>&1 & fi
  pid_of[$1]=$!
  is_there "$1" "${3:-}"
}
# servers_at OFFSET: both, anew, by that clock; empty: by the right one
servers_at() {
  local name
  for name in east west; do
    server_kill "$name" TERM
    server_up "$name" "$1"
  done
}
# anew NAME COUNT: the server has taken changed keys over so often, and serves again.
anew() {
  local i
  for i in $(seq 1200); do
    [ "$(grep -c "connections begin anew" "$work/$1.log")" -ge "$2" ] &&
      [ "$(grep -n "connections begin anew" "$work/$1.log" | tail -n 1 | cut -d: -f1)" -lt "$(grep -n "listens on" "$work/$1.log" | tail -n 1 | cut -d: -f1)" ] &&
      (exec 3<>"/dev/tcp/$(address_of "$1")/16384") 2>/dev/null && return 0
    sleep 0.05
  done
  fail "$1 does not serve again: $(tail -n 5 "$work/$1.log")"
}
# Whoever stole the folder of a server ($work/thief) stands at the primary's address, where nobody else is.
thief_up() {
  server_kill east
  server_kill west
  rm -f "$work/thief/run.lock"
  server_up thief "" "$east"
}
server_kill() {  # NAME [SIGNAL]
  [ -n "${pid_of[$1]:-}" ] || return 0
  kill "-${2:-KILL}" "${pid_of[$1]}" 2>/dev/null || true
  wait "${pid_of[$1]}" 2>/dev/null || true
  unset "pid_of[$1]"
}

# within_minutes PATTERN COMMAND…: the command says it, at once or soon: a server writes what agents report once a minute.
within_minutes() {
  local pattern=$1 i
  shift
  for i in $(seq 130); do
    "$@" >"$work/out" 2>&1 || fail "$* ended with $?"
    grep -qe "$pattern" "$work/out" && return 0
    sleep 1
  done
  fail "$* does not come to say '$pattern': $(cat "$work/out")"
}

# handles PID NUMBER: waits until the program in the process handles the signal, which before that would just end it.  Before it is the program, it is this
# shell, which handles signals too and then forgets them.
handles() {
  local i
  for i in $(seq 1200); do
    [ "$(readlink "/proc/$1/exe")" != "$(readlink "/proc/$$/exe")" ] && [ $((0x$(awk '/^SigCgt/ {print $2}' "/proc/$1/status") >> ($2 - 1) & 1)) = 1 ] && return 0
    sleep 0.05
  done
  fail "process $1 does not handle signal $2"
}

# A pair of data centres, both running, and an account.
pair_up() {
  farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
  server_up east
  farkeep-server invite --data "$work/east" >"$work/invitation"
  farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation" >>"$work/init.log" 2>&1
  server_up west
  farkeep-server account add test --data "$work/east" >>"$work/init.log" 2>&1
}
token() { farkeep-server token create --account test --data "$work/east" "$@"; }

agent_ini() {  # NAME SOURCE…: writes the configuration of an agent
  local name=$1 s
  shift
  {
    printf '[agent]\nstate = %s\nname = %s\n\n[registration]\nserver = %s\nserver = %s\nca_file = %s\ntoken_file = %s\n\n[job main]\n' \
      "$work/$name.state" "$name" "$east" "$west" "$work/east/ca.pem" "$work/$name.token"
    for s in "$@"; do printf 'path = %s\n' "$s"; done
  } >"$work/$name.ini"
}
agent_up() {  # NAME SOURCE…: configuration and registration
  agent_ini "$@"
  token >"$work/$1.token"
  farkeep --config "$work/$1.ini" register >"$work/$1.log" 2>&1
}
# by_another_clock COMMAND…: libfaketime says what time it is; the steady clock stays as it is: nothing waits longer.
# Without the wrapper program `faketime`, which ends when a killed process that had its number left a semaphore behind.
# (Under the address sanitizer another library comes first.)
by_another_clock() {
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD='/usr/$LIB/faketime/libfaketimeMT.so.1' "$@"
}
in_future() { FAKETIME=$1 by_another_clock "${@:2}"; }  # OFFSET COMMAND…: as if it were so much later (+29h, +3d)
fk() { local name=$1; shift; farkeep --config "$work/$name.ini" "$@"; }

# same A B: nothing that rsync could see differs, content by checksum.
same() {
  local d
  d=$(rsync -aHAXn --checksum --delete --itemize-changes "$1/" "$2/" 2>&1) || true
  [ -z "$d" ] || { printf '%s\n' "$d" | head >&2; fail "$1 and $2 differ"; }
}
