#!/usr/bin/env bash
# The firewall closes in the middle of a backup and opens again: the daemon finishes by itself, and nothing is lost.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/outages.sh"

mkdir -p "$work/src"
for i in 1 2 3 4; do head -c 40M /dev/urandom >"$work/src/noise$i"; done
network_up
pair_up
firewall nft
narrow 200mbit

note "the primary's net is refused"
daemon refused
flows refused east 30 30
from=$EPOCHREALTIME
closed refuse $net1
flows refused west 1 15
note "after $(since "$from") s it flows to the alternate"
flows refused west 20 30
note "then the port, to both"
closed refuse $net1 $net2
until_log daemon-refused "no server serves; trying again" 15
from=$EPOCHREALTIME
opened
finished refused
note "$(since "$from") s after it is open again: snapshot, check, restore"

note "the primary's net is dropped silently"
daemon silent
flows silent east 30 30
from=$EPOCHREALTIME
closed drop $net1
flows silent west 1 75
note "after $(since "$from") s it flows to the alternate"
opened
finished silent

note "both nets are dropped silently, with shorter patience"
daemon both "[connection]" "connect_timeout = 2s" "progress_timeout = 5s"
flows both east 30 30
closed drop $net1 $net2
until_log daemon-both "no server serves; trying again" 60
from=$EPOCHREALTIME
opened
finished both
note "$(since "$from") s after they are open again: snapshot, check, restore"
passed
