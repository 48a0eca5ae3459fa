# An outage in the middle of a run: a line so narrow that a run has a middle, and what gets through it.  Sourced after lab.sh.
# shellcheck shell=bash disable=SC2154  # addresses come from lab.sh
needs tc iproute2

# narrow RATE: the lines to both sites; after each `firewall`, which forgets the counters of what gets as far as each site.
narrow() {
  local site
  for site in site1 site2; do at fw tc qdisc replace dev $site root tbf rate "$1" burst 256k latency 50ms; done
  at fw nft -f - <<<"table inet passed {
    counter east { }
    counter west { }
    chain postrouting {
      type filter hook postrouting priority -5; policy accept;
      ip daddr $east counter name east
      ip daddr $west counter name west
    }
  }"
}
wide() { for site in site1 site2; do at fw tc qdisc del dev $site root; done; }
sent() { at fw nft list counter inet passed "$1" | grep -o 'bytes [0-9]*' | cut -d ' ' -f 2; }
# flows NAME SITE MIB SECONDS: so much more of this agent gets there, within that time.
flows() {
  local i target=$(($(sent "$2") + $3 * 1048576))
  for ((i = 0; i < $4 * 20; i++)); do
    [ "$(sent "$2")" -lt $target ] || return 0
    sleep 0.05
  done
  fail "in $4 s less than $3 MiB flow to $2: $(tail -n 5 "$work/daemon-$1.log")"
}
# daemon NAME LINE…: a new agent, whose job is due at once.
daemon() {
  agent "$@"
  sed -i 's/^state =/log_level = info\nstate =/; s/^path =/schedule = every 4h\npath =/' "$work/$1.ini"
  expect 0 fk "$1" register
  for _ in $(seq 200); do  # the alternate hears of new agents from the primary
    ! grep -qw "$1" <<<"$(farkeep-server agents --data "$work/west")" || break
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
