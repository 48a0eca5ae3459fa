#!/usr/bin/env bash
# The firewall closes in the middle of a backup and opens again: the daemon finishes by itself, and nothing is lost.
. "$(dirname "$0")/lab.sh"
needs tc iproute2

mkdir -p "$work/src"
for i in 1 2 3 4; do head -c 40M /dev/urandom >"$work/src/noise$i"; done
network_up
pair_up
firewall nft
for site in site1 site2; do at fw tc qdisc add dev $site root tbf rate 200mbit burst 256k latency 50ms; done
# What gets as far as each site.
at fw nft -f - <<<"table inet passed {
  counter east { }
  counter west { }
  chain forward {
    type filter hook forward priority -5; policy accept;
    ip daddr $east counter name east
    ip daddr $west counter name west
  }
}"
sent() { at fw nft list counter inet passed "$1" | grep -o 'bytes [0-9]*' | cut -d ' ' -f 2; }
# flows SITE MIB SECONDS: so much more gets there, within that time.
flows() {
  local i target=$(($(sent "$1") + $2 * 1048576))
  for ((i = 0; i < $3 * 20; i++)); do
    [ "$(sent "$1")" -lt $target ] || return 0
    sleep 0.05
  done
  fail "in $3 s less than $2 MiB flow to $1: $(tail -n 5 "$work"/daemon-*.log)"
}
# daemon NAME LINE…: a new agent, whose job is due at once.
daemon() {
  agent "$@"
  sed -i 's/^state =/log_level = info\nstate =/; s/^path =/schedule = every 4h\npath =/' "$work/$1.ini"
  expect 0 fk "$1" register
  for _ in $(seq 200); do  # the alternate hears of new agents from the primary
    ! farkeep-server agents --data "$work/west" | grep -qw "$1" || break
    sleep 0.05
  done
  start "daemon-$1" agent - farkeepd --config "$work/$1.ini"
}
finished() {  # NAME: the snapshot is made, and is what was to be backed up
  local log=daemon-$1
  until_log "$log" "job main: snapshot" 120
  stop "$log"
  expect 0 fk "$1" snapshots
  [ "$(grep -c . "$work/out")" = 1 ] || fail "one snapshot was expected: $(cat "$work/out")"
  expect 0 fk "$1" check --read-data
  expect 0 fk "$1" restore latest --target "$work/$1.restored"
  same "$work/src" "$work/$1.restored$work/src"
  rm -rf "$work/$1.restored"
}

note "the primary's net is refused"
daemon refused
flows east 30 30
from=$EPOCHREALTIME
closed refuse $net1
flows west 1 15
note "after $(since "$from") s it flows to the alternate"
flows west 20 30
note "then the port, to both"
closed refuse $net1 $net2
until_log daemon-refused "no server serves; trying again" 15
from=$EPOCHREALTIME
opened
finished refused
note "$(since "$from") s after it is open again: snapshot, check, restore"

note "the primary's net is dropped silently"
daemon silent
flows east 30 30
from=$EPOCHREALTIME
closed drop $net1
flows west 1 75
note "after $(since "$from") s it flows to the alternate"
opened
finished silent

note "both nets are dropped silently, with shorter patience"
daemon both "[connection]" "connect_timeout = 2s" "progress_timeout = 5s"
flows east 30 30
closed drop $net1 $net2
until_log daemon-both "no server serves; trying again" 60
from=$EPOCHREALTIME
opened
finished both
note "$(since "$from") s after they are open again: snapshot, check, restore"
passed
