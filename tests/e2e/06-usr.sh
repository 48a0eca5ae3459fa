#!/usr/bin/env bash
# A real system's files: backed up, restored from the alternate, and compared by rsync, which has nothing to report.
#   FARKEEP_USR="FOLDER…"     default: /usr, or its smaller parts where it has more than 6 GB or a sanitizer slows everything down
. "$(dirname "$0")/lib.sh" 95

read -r -a folders <<<"${FARKEEP_USR:-/usr}"
if [ -z "${FARKEEP_USR:-}" ] && [ "$(du -sxm /usr 2>/dev/null | cut -f1)" -gt 6000 ]; then folders=(/usr/bin /usr/sbin /usr/share); fi
need=$(du -cxm "${folders[@]}" 2>/dev/null | tail -n 1 | cut -f1)
free=$(df -m --output=avail "$work" | tail -n 1)
if [ "$free" -lt $((need * 3)) ]; then
  echo "skipped: ${folders[*]} has $need MB, and $free MB are free where three times as much is needed"
  exit 77
fi

pair_up
agent_up a "${folders[@]}"
rc=0
fk a backup main >"$work/out" 2>"$work/err" || rc=$?
[ $rc -eq 0 ] || { [ $rc -eq 3 ] && [ "$(id -u)" != 0 ]; } || fail "backup ended with $rc: $(cat "$work/out" "$work/err")"
tail -n 1 "$work/out"
expect 0 fk a snapshots --wait-protected
server_kill east
fk a restore latest --target "$work/restored" >"$work/out" 2>"$work/err" || fail "restore: $(cat "$work/err")"
tail -n 1 "$work/out"
for folder in "${folders[@]}"; do same "$folder" "$work/restored$folder"; done
echo "passed: $(find "$work/restored" | wc -l) entries of ${folders[*]}"
