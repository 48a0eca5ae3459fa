#!/usr/bin/env bash
# The data centres move: agents hear of new addresses, keep the old ones until the new ones work, and find their way after having slept through it.
. "$(dirname "$0")/lib.sh" 99
net=99

# up NAME ADDRESS…: the server, listening on just these
up() {
  local name=$1 a i
  shift
  server_kill "$name" TERM
  { echo "[server]"; for a in "$@"; do echo "listen = $a"; done; } >"$work/$name.ini"
  farkeep-server run --config "$work/$name.ini" --data "$work/$name" >>"$work/$name.log" 2>&1 &
  pid_of[$name]=$!
  for a in "$@"; do
    for i in $(seq 1200); do
      (exec 3<>"/dev/tcp/$a/16384") 2>/dev/null && break
      kill -0 "${pid_of[$name]}" 2>/dev/null || fail "the server $name ended: $(tail -n 3 "$work/$name.log")"
      sleep 0.05
    done
  done
}
later() { in_future "+${1}h" "${@:2}"; }  # HOURS COMMAND…
says_not() { ! grep -q -- "$1" "$work/out" "$work/err" || fail "it says '$1': $(cat "$work/out" "$work/err")"; }

# the registration pair is .2 and .3; moves go to .12 and .13, then to .22 and .23
e2=127.$net.0.12 w2=127.$net.0.13 e3=127.$net.0.22 w3=127.$net.0.23
mkdir -p "$work/src"
seq 3000 >"$work/src/numbers"
farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
up east "$east" "$e2" "$e3"
farkeep-server invite --data "$work/east" >"$work/invitation"
farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation" >>"$work/init.log" 2>&1
up west "$west" "$w2" "$w3"
farkeep-server account add test --data "$work/east" >>"$work/init.log" 2>&1
for a in awake asleep dozing; do
  agent_up "$a" "$work/src"
  sed -i 's/^state =/log_level = info\nstate =/' "$work/$a.ini"
  expect 0 fk "$a" backup main
done
publish() { farkeep-server directory publish --data "$work/east" "$@"; }

note "what makes no sense is refused"
expect 2 publish --primary east.example.net
expect 2 publish --primary 0.0.0.0
expect 2 publish --primary "$east" --valid-from tomorrow
expect 2 publish --primary "$east"          # as before
expect 2 publish --primary-subnet 10.0.0.1/8 --primary 10.0.0.1
expect 2 farkeep-server directory publish --data "$work/west" --primary "$e2"

note "new addresses are announced ahead, and not used before their time"
expect 0 publish --primary "$e2" --alternate "$w2" --primary-subnet 127.$net.0.0/24 --alternate-subnet 127.$net.0.0/24 --valid-from 2h --overlap 1h
expect 0 fk awake -v backup main
says "announce new addresses"
expect 0 fk awake backup main
says "$east"
says_not "$e2"
expect 0 farkeep-server directory show --data "$work/east"
says awake

expect 0 fk awake status
says "announced: $e2:16384"

note "the daemon tries them ahead of time, and says what is not reached yet"
up west "$west" "$w3"
farkeepd --config "$work/awake.ini" >"$work/daemon.log" 2>&1 &
pid_of[daemon]=$!
for i in $(seq 1200); do
  grep -q "$e2:16384 .* is reached already" "$work/daemon.log" && grep -q "$w2:16384 .* is not reached yet: connecting to $w2:16384" "$work/daemon.log" && break
  kill -0 "${pid_of[daemon]}" 2>/dev/null || fail "the daemon ended: $(tail -n 3 "$work/daemon.log")"
  [ "$i" -lt 1200 ] || fail "the daemon does not try both: $(cat "$work/daemon.log")"
  sleep 0.05
done
server_kill daemon TERM
expect 0 fk awake status
says "announced: $e2:16384 .*, reached already"
says "announced: $w2:16384 .*, NOT REACHED YET"
expect 0 fk awake connection show
says "; NOT REACHED YET"
up west "$west" "$w2" "$w3"

note "from their time on they come first, and when they work they are used"
expect 0 later 3 farkeep --config "$work/awake.ini" -v backup main
says "$e2"
says "are used from now on"
for i in $(seq 130); do  # a server writes once a minute what agents say of the directory that they use
  expect 0 farkeep-server directory show --data "$work/east" --json
  grep -q '"name":"awake"' "$work/out" || break
  sleep 1
done
grep -q '"name":"asleep"' "$work/out" || fail "'asleep' should be behind: $(cat "$work/out")"
! grep -q '"name":"awake"' "$work/out" || fail "'awake' should not be behind: $(cat "$work/out")"

expect 0 fk dozing backup main
expect 0 later 3 farkeep --config "$work/dozing.ini" backup main
says "$e2"

note "the old addresses are gone: nobody misses them"
up east "$e2" "$e3"
up west "$w2" "$w3"
expect 0 later 5 farkeep --config "$work/awake.ini" backup main
says "$e2"

note "addresses that do not work yet: the old ones are kept, and the backup is made"
up east "$east" "$e2"
up west "$west" "$w2"
expect 0 publish --primary "$e3" --alternate "$w3" --overlap 30d
expect 0 later 6 farkeep --config "$work/awake.ini" backup main
expect 0 later 7 farkeep --config "$work/awake.ini" backup main
says "$e3"   # tried…
says "received by"

note "who slept through it finds nobody, asks the registration pair after a day, and is told"
up east "$east" "$e3"
up west "$west" "$w3"
expect 4 later 20 farkeep --config "$work/dozing.ini" backup main
expect 0 later 60 farkeep --config "$work/dozing.ini" -v backup main
says "asking the registration server $east"
says "$e3"

note "the servers find each other at the new addresses, too"
up east "$e3"
up west "$w3"
expect 0 later 61 farkeep --config "$work/dozing.ini" backup main
farkeep --config "$work/dozing.ini" snapshots --wait-protected >"$work/out" 2>"$work/err" || fail "nothing is mirrored: $(cat "$work/out" "$work/err")"
up east "$east" "$e3"
up west "$west" "$w3"

note "who has heard of no move at all begins where it was registered"
expect 0 fk asleep backup main
says "$east"
echo "passed"
