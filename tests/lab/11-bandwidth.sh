#!/usr/bin/env bash
# What the limits say is what goes over the wire: over every ten seconds, both ways, and from the moment at which the configuration changes.
. "$(dirname "$0")/lab.sh"
needs bc bc

mkdir -p "$work/src"
head -c 60M /dev/urandom >"$work/src/noise"
network_up
pair_up
firewall nft
at fw nft -f - <<<"table inet passed {
  counter up { }
  counter down { }
  chain forward {
    type filter hook forward priority -5; policy accept;
    ip saddr $here counter name up
    ip daddr $here counter name down
  }
}"
passed_bytes() { at fw nft list counter inet passed "$1" | grep -o 'bytes [0-9]*' | cut -d ' ' -f 2; }
# rate WAY SECONDS: Mbit/s on the wire meanwhile, headers of TCP and IP included (3 %).
rate() {
  local before after from=$EPOCHREALTIME
  before=$(passed_bytes "$1")
  sleep "$2"  # this is the measure
  after=$(passed_bytes "$1")
  bc <<<"scale=2; ($after - $before) * 8 / 1000000 / ($EPOCHREALTIME - $from)"
}
# holds WAY MBIT: two measures of ten seconds, each within 5 % of it, and 3 % of headers.
holds() {
  local r
  for _ in 1 2; do
    r=$(rate "$1" 10)
    note "$1: $r Mbit/s of $2"
    [ "$(bc <<<"$r <= $2 * 1.08 && $r >= $2 * 0.95")" = 1 ] || fail "that is not within 5 %"
  done
}

agent a "[limits]" "upload = 00:00-24:00 8Mbit" "upload = off" "download = 16Mbit"
expect 0 fk a register
start backup agent - farkeep --config "$work/a.ini" backup main
until_flows() { for _ in $(seq 200); do [ "$(passed_bytes "$1")" -lt "$2" ] || return 0; sleep 0.05; done; fail "nothing flows"; }
until_flows up 1000000
holds up 8
stop backup
sed -i '/^upload/d' "$work/a.ini"
expect 0 fk a backup main
before=$(passed_bytes down)
start restore agent - farkeep --config "$work/a.ini" restore latest --target "$work/restored"
until_flows down $((before + 2000000))
holds down 16
stop restore
passed
