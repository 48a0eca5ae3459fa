#!/usr/bin/env bash
# What a job's paths are, and what is said of them: sources in sources, links, ones that are gone or empty; status, explain and config check say what the run does.
. "$(dirname "$0")/lib.sh" 61
S=$work/src
mkdir -p "$S/data" "$S/cache/keep" "$S/other"
echo k >"$S/cache/keep/k"
echo j >"$S/cache/junk"
for i in $(seq 30); do echo "$i" >"$S/data/$i"; done
echo o >"$S/other/o"
ln -s data "$S/link"
pair_up
agent_up a "$S" "$S/cache/keep" "$S/other"
sed -i "s|^\[job main\]|[job main]\nexclude = $S/cache\nexclude = $S//data/1/\nexclude = $S/other|" "$work/a.ini"

note "a source in a folder that a rule leaves out, and one that the rule itself names"
expect 0 fk a config check
expect 0 fk a backup main
expect 0 fk a ls latest
says "$S/cache/keep/k"
says "$S/data/1$"
says "$S/other/o"
! grep -q junk "$work/out" || fail "what the rule leaves out is in the snapshot"
expect 0 fk a explain "$S/cache/junk" "$S/cache/keep/k"
says "junk' is left out with '$S/cache'"
says "keep/k' is backed up"

note "one is empty now, then gone: the snapshot is no good one"
mv "$S/other" "$work/away"
expect 3 fk a backup main
says "$S/other': not found"
mkdir "$S/other"
expect 3 fk a backup main
says "it is empty, and had 1 files before"
expect 0 fk a status
says "the newest snapshot, of .*, is incomplete: of the sources it lacks '$S/other'"
! grep -q "every file is in the snapshot as it is now" "$work/out" || fail "status says that all is well: $(cat "$work/out")"
expect 0 fk a --json status
says '"newest_lacks":'
expect 0 fk a jobs
says "incomplete 20"
expect 0 fk a backup main --accept-empty
expect 0 fk a backup main

note "all are gone: no snapshot, and the last one stays the newest"
mv "$S" "$work/src.away"
before=$(fk a snapshots | wc -l)
expect 1 fk a backup main
says "nothing of its sources is there, so no snapshot is made"
[ "$(fk a snapshots | wc -l)" = "$before" ] || fail "there is a snapshot without anything"
expect 0 fk a config check
says "a.ini:[0-9]*: path '$S': not found (a warning)"
mv "$work/src.away" "$S"

note "links, and what the running system makes up"
sed -i "s|^path = $S\$|path = $S/link|" "$work/a.ini"
expect 2 fk a config check
says "path '$S/link': it is a symbolic link to 'data', which is not followed"
expect 3 fk a backup main
says "symbolic link"
expect 0 fk a explain "$S/link/1"
says "is left out with '$S/link'"
sed -i "s|^path = $S/link\$|path = /|" "$work/a.ini"
expect 0 fk a config check
says "/dev, /proc, /run, /sys are not entered"

[ -z "${FARKEEP_SANITIZED:-}" ] || exit 0  # without /proc the sanitizer does not know where the stack is
note "without /proc a backup is whole"
sed -i "s|^path = /\$|path = $S|" "$work/a.ini"
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
  expect 0 unshare -m sh -c 'umount -l /proc && exec "$0" "$@"' "$(command -v farkeep)" --config "$work/a.ini" backup main
  expect 0 fk a restore latest --target "$work/back" --path "$S//data/" --path /
  same "$S/data" "$work/back$S/data"
fi
