#!/usr/bin/env bash
# A link that takes only smaller packets than the ends believe, and nobody says so: the agent finds out by itself, and remembers it.
. "$(dirname "$0")/lab.sh"

small_tree
network_up
pair_up
firewall nft
for end in agent east west; do ip -n "fk$$$end" link set eth0 gso_max_segs 1; done  # what is counted below is what goes over the wire

# hole AGENT-LIMIT SERVER-LIMIT: the longest packets that pass, from the agent and from the servers.
# Lost are those of connections made from `from_now_on`; a connection that was given up sends what nobody hears of for minutes.
hole() {
  filled
  at fw nft -f - <<<"table inet hole {
    counter lost { }
    counter lost_before { }
    chain too_long {
      ct mark 2 counter name lost drop
      counter name lost_before drop
    }
    chain forward {
      type filter hook forward priority -20; policy accept;
      ip saddr 192.168.77.2 meta length > $1 goto too_long
      ip daddr 192.168.77.2 meta length > $2 goto too_long
    }
  }"
}
filled() { at fw nft -f - <<<"table inet hole; delete table inet hole;"; }
# Of connections to the primary: a restore looks at the alternate, too, of which nothing is known yet.
from_now_on() { at fw nft -f - <<<"table inet hole { chain made { type filter hook forward priority -30; policy accept; ct state new ip daddr $east ct mark set 2; }; }"; }
lost() { at fw nft list counter inet hole "${1:-lost}" | grep -o 'packets [0-9]*' | cut -d ' ' -f 2; }

# heals NAME SEGMENT: registers, backs up and restores through it; then the next run knows.
heals() {
  local name=$1 from=$EPOCHREALTIME
  agent "$name" "[connection]"
  expect 0 fk "$name" register
  says "large packets vanish on the way to $east:16384: it works with segments of $2 bytes"
  [ "$(lost lost_before)" -gt 0 ] || fail "nothing was lost: the hole is none"
  expect 0 fk "$name" backup main
  grep -q "received by east" "$work/out" || fail "the backup did not go to the primary: $(cat "$work/out")"
  note "$name: registered and backed up after $(since "$from") s"
  from_now_on
  from=$EPOCHREALTIME
  expect 0 fk "$name" backup main
  expect 0 fk "$name" restore latest --target "$work/$name.restored"
  [ "$(lost)" = 0 ] || fail "$(lost) more packets were lost, though it is known"
  same "$work/src" "$work/$name.restored$work/src"
  rm -rf "$work/$name.restored"
  note "$name: another backup and a restore in $(since "$from") s, and no packet lost"
}

note "what the agent sends, from 1450 bytes on"
hole 1450 1500
heals up 1220
note "what the servers send, from 1400 bytes on: the first answer of TLS is longer"
hole 1500 1400
heals down 1220
note "both, from 1000 bytes on"
hole 1000 1000
heals both 536

note "it comes while the agent is at work elsewhere, and goes again"
filled
agent late "[connection]"
expect 0 fk late register
expect 0 fk late backup main
hole 1400 1400
expect 0 fk late backup main
says "large packets vanish on the way to $east:16384"
expect 0 fk late connection show
grep -q "segments of 1220 bytes" "$work/out" || fail "it is not shown: $(cat "$work/out")"
filled
expect 0 fk late backup main
passed
