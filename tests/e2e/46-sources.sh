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
says "the newest snapshot, of .*, is not a good one: some of the job's paths are not in it.*'$S/other'"
! grep -q "every file is in the snapshot as it is now" "$work/out" || fail "status says that all is well: $(cat "$work/out")"
expect 0 fk a --json status
says '"newest_lacks":'
expect 0 fk a jobs
says "incomplete 20"
of_newest() { fk a status 2>/dev/null | sed -n 's/.*the newest snapshot, of \([^,]*\),.*/\1/p'; }
last_end() { fk a jobs --json | grep -o '"last_end":"[^"]*"' | cut -d'"' -f4; }
made=$(of_newest)
[ "$made" = "$(last_end)" ] || fail "the newest snapshot is of $made, and the last run ended $(last_end)"
server_kill east TERM
server_kill west TERM
while [ "$(last_end)" = "$made" ]; do expect 4 fk a backup main; done  # a run that fails later makes no snapshot younger
[ "$(of_newest)" = "$made" ] || fail "the newest snapshot was of $made, and is of $(of_newest)"
server_up east
server_up west
expect 0 fk a backup main --accept-empty
expect 0 fk a backup main

note "what could not be restored is told as a path and a reason"
mkdir -p "$(dirname "$work/in-the-way$S")"
echo x >"$work/in-the-way$S"
expect 3 fk a restore latest --json --overwrite never --target "$work/in-the-way"
says "\"error\":\"its folder '$S' could not be made\",\"item\":\"$S/data\""
expect 2 fk a explain ""
says "explaining the path: it is empty"

note "a job whose record cannot be read is not told as one that never ran"
unprivileged=()
if [ "$(id -u)" = 0 ]; then unprivileged=(setpriv --bounding-set=-dac_override,-dac_read_search); fi
chmod 000 "$work/a.state/jobs/main/state"
expect 0 "${unprivileged[@]}" farkeep --config "$work/a.ini" status
says "job main: how it stands is not known"
! grep -q "job main: last good" "$work/out" || fail "it says more than it knows: $(cat "$work/out")"
chmod 600 "$work/a.state/jobs/main/state"

note "all are gone: no snapshot, and the last one stays the newest"
mv "$S" "$work/src.away"
before=$(fk a snapshots | wc -l)
expect 1 fk a backup main
says "nothing of its sources is there, so no snapshot is made"
[ "$(fk a snapshots | wc -l)" = "$before" ] || fail "there is a snapshot without anything"
expect 0 fk a config check
says "a.ini:[0-9]*: path '$S': not found (a warning)"
mv "$work/src.away" "$S"

note "attributes named trusted.* come with the first run that is shown them, of files that have not changed too"
attributes() { python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "trusted.farkeep").decode())' "$1" 2>/dev/null; }
if python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.farkeep", b"t")' "$S/data/2" 2>/dev/null; then
  NO_FAKE_STAT=1 expect 0 in_future +60s setpriv --bounding-set=-sys_admin farkeep --config "$work/a.ini" backup main  # for what has just changed is read again in any case
  says "trusted"
  expect 0 fk a restore latest --path "$S/data/2" --target "$work/hidden"
  says "trusted.\* are not in this snapshot"
  [ -z "$(attributes "$work/hidden$S/data/2")" ] || fail "the system showed the attribute to who may not see it"
  for i in 1 2; do  # the second one takes over what the first has read
    expect 0 fk a backup main
    expect 0 fk a restore latest --path "$S/data/2" --target "$work/shown$i"
    ! grep -q trusted "$work/out" || fail "run $i lacks them: $(cat "$work/out")"
    [ "$(attributes "$work/shown$i$S/data/2")" = t ] || fail "run $i as root lacks the attribute"
  done
fi

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
