#!/usr/bin/env bash
# Whoever listens on the line, and whoever takes both data centres' disks, finds no byte of content and no name.
. "$(dirname "$0")/lib.sh" 96

[ "$(id -u)" = 0 ] && command -v tcpdump >/dev/null || { echo "skipped: capturing needs root and tcpdump"; exit 77; }

canary=FARKEEP-CANARY-77aa0c41d9
mkdir -p "$work/src/$canary-folder"
for i in 1 2 3 4 5 6 7 8 9; do echo "$canary $i" >"$work/src/$canary-folder/$canary-$i.txt"; done
# Neither compression nor luck may hide it: content that does not compress, with the canary in the clear in its middle.
{ head -c 100000 /dev/urandom; printf '%s' "$canary"; head -c 100000 /dev/urandom; } >"$work/src/mixed"
ln -s "$canary-target" "$work/src/link"

pair_up
tcpdump -i lo -w "$work/line.pcap" --immediate-mode -U "net 127.96.0.0/16" >"$work/tcpdump.log" 2>&1 &
pid_of[tcpdump]=$!
for i in $(seq 1200); do grep -q "listening on" "$work/tcpdump.log" && break; sleep 0.05; done

agent_up a "$work/src"
expect 0 fk a backup main
expect 0 fk a snapshots --wait-protected
expect 0 fk a ls latest
grep -q "$canary" "$work/out" || fail "the listing for its owner has no canary"
expect 0 fk a restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"
server_kill east
expect 0 fk a restore latest --target "$work/restored2"

# The capture would show it: the same words, said aloud.
control="aloud-$canary"
(printf '%s' "$control" >"/dev/tcp/$west/16384") 2>/dev/null || true
for i in $(seq 1200); do grep -qa "$control" "$work/line.pcap" && break; sleep 0.05; done
kill -INT "${pid_of[tcpdump]}"
wait "${pid_of[tcpdump]}" || true
unset 'pid_of[tcpdump]'
grep -qa "$control" "$work/line.pcap" || fail "the capture does not show what was said in the clear: it proves nothing"
[ "$(stat -c %s "$work/line.pcap")" -gt 400000 ] || fail "the capture is too small to hold a backup and its restores"

found=$(grep -oa "\(aloud-\)\?$canary" "$work/line.pcap" | grep -vc '^aloud-' || true)
[ "$found" = 0 ] || fail "the canary was on the line $found times"
! grep -rqa "$canary" "$work/east" "$work/west" || fail "the canary lies in a store"
echo "passed: $(stat -c %s "$work/line.pcap") bytes on the line"
