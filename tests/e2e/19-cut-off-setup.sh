#!/usr/bin/env bash
# register and recover are killed after each change of the disk in turn: the same command given again ends them, the machine then backs up and restores,
# and no backup is ever made under a key that is not the agent's.
. "$(dirname "$0")/lib.sh" 106
: "${FARKEEP_DIE_AT:?names the library that kills}"

mkdir -p "$work/src"
seq 20000 >"$work/src/numbers"
echo "correct horse battery staple" >"$work/passphrase"
pair_up

# killed_at N NAME ARGUMENTS…: the program's exit code; 137 when it was killed.
killed_at() {
  local n=$1 name=$2 rc=0
  shift 2
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" DIE_AT=$n LD_PRELOAD=$FARKEEP_DIE_AT \
    farkeep --config "$work/$name.ini" "$@" >"$work/out" 2>"$work/err" || rc=$?
  echo $rc
}
# What a machine in the middle of it may not do: back up.  It says what to do instead.
half_way() {  # NAME VERB
  local rc=0 verb=$2
  [ -e "$work/$1.state/unfinished" ] || verb=register  # nothing is begun yet: what any new machine is told
  fk "$1" backup main >"$work/out" 2>"$work/err" || rc=$?
  if [ $rc -eq 0 ]; then
    [ "$(stat -c %s "$work/$1.state/root.key")" -eq 101 ] || fail "a backup was made with a key that says not whose it is"
    return 0
  fi
  [ $rc -eq 2 ] && grep -q "farkeep $verb" "$work/err" || { cat "$work/err" >&2; fail "cut off in $2, a backup ended with $rc and does not say what to do"; }
}

note "register, killed after each change of the disk"
agent_ini cut "$work/src"
n=1
while :; do
  rm -rf "$work/cut.state"
  token >"$work/cut.token"
  rc=$(killed_at "$n" cut register --passphrase-file "$work/passphrase")
  [ "$rc" = 137 ] || break
  half_way cut register
  if [ -e "$work/cut.state/unfinished" ] || [ ! -e "$work/cut.state/identity" ]; then expect 0 fk cut register; else expect 2 fk cut register; fi
  n=$((n + 1))
done
[ "$rc" = 0 ] || { cat "$work/err" >&2; fail "register ended with $rc"; }
[ $n -gt 15 ] || fail "register was killed at $n points only"
echo "   $((n - 1)) points"
expect 2 fk cut register
expect 0 fk cut backup main
expect 0 fk cut restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"

note "recover by passphrase, killed after each change of the disk"
id=$(fk cut status --json | sed -n 's/.*"agent_id" *: *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
agent_ini new "$work/src"
n=1
while :; do
  rm -rf "$work/new.state"
  token --recover "$id" >"$work/new.token"
  rc=$(killed_at "$n" new recover --agent "$id" --passphrase-file "$work/passphrase")
  [ "$rc" = 137 ] || break
  half_way new recover
  [ ! -e "$work/new.state/identity" ] || [ -e "$work/new.state/root.key" ] || expect 2 fk new register
  expect 0 fk new recover --agent "$id" --passphrase-file "$work/passphrase"
  n=$((n + 1))
done
[ "$rc" = 0 ] || { cat "$work/err" >&2; fail "recover ended with $rc"; }
[ $n -gt 15 ] || fail "recover was killed at $n points only"
echo "   $((n - 1)) points"
expect 0 fk new recover --agent "$id" --passphrase-file "$work/passphrase"
expect 0 fk new restore latest --target "$work/restored2"
same "$work/src" "$work/restored2$work/src"
expect 0 fk new backup main

note "a key of zeros, as an older version left it when it was killed, is none"
head -c 32 /dev/zero >"$work/new.state/root.key"
expect 6 fk new backup main
grep -q "farkeep recover" "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
expect 0 fk new recover --agent "$id" --passphrase-file "$work/passphrase"
expect 0 fk new check

note "a key file of version 1 is taken, and says henceforth whose it is"
dd if="$work/new.state/root.key" of="$work/v1" bs=1 skip=37 count=32 2>/dev/null
cp "$work/v1" "$work/new.state/root.key"
expect 0 fk new check
expect 0 fk new backup main
[ "$(stat -c %s "$work/new.state/root.key")" -eq 101 ] || fail "the key file was not rewritten"
expect 0 fk new check
echo "passed"
