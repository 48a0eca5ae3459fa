#!/usr/bin/env bash
# A machine is lost with its disk: another one takes its vault over, with the passphrase and with the printed key.
. "$(dirname "$0")/lib.sh" 91

mkdir -p "$work/src"
seq 100000 >"$work/src/numbers"
echo "# correct horse" >"$work/passphrase"
pair_up
agent_up lost "$work/src"
expect 0 fk lost backup main
expect 0 fk lost key passphrase --passphrase-file "$work/passphrase"
echo "of no use" >>"$work/passphrase"  # an older version took the first line whatever it is; for this one it is a comment now
fk lost key recovery >"$work/sheet" 2>/dev/null
id=$(farkeep-server agents --data "$work/east" --json | sed -n 's/.*"agent" *: *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
[ -n "$id" ] || fail "the agent's id is not listed: $(farkeep-server agents --data "$work/east" --json)"
expect 0 fk lost snapshots --wait-protected
rm -rf "$work/lost.state"

note "wrong token, wrong passphrase: exit 5, and nothing is left in the way"
agent_ini new "$work/src"
echo "NOTATOKEN" >"$work/new.token"
expect 5 fk new recover --agent "$id" --passphrase-file "$work/passphrase"
token --recover "$id" >"$work/new.token"
echo "wrong horse" >"$work/wrong"
expect 5 fk new recover --agent "$id" --passphrase-file "$work/wrong"

note "the right passphrase"
expect 0 fk new recover --agent "$id" --passphrase-file "$work/passphrase"
expect 0 fk new restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"
echo more >"$work/src/more"
expect 0 fk new backup main

note "the printed key"
rm -rf "$work/new.state"
token --recover "$id" >"$work/new.token"
expect 0 fk new recover --recovery-key-file "$work/sheet"
expect 0 fk new restore latest --target "$work/restored2"
same "$work/src" "$work/restored2$work/src"

note "a mistyped key is noticed"
sed 'y/ABCDEFG/BACDEFG/' "$work/sheet" >"$work/typo"
expect 5 fk new recover --recovery-key-file "$work/typo"

note "a machine whose small files have rotted: what is told to do works"
expect 0 fk new recover --recovery-key-file "$work/sheet"
expect 0 fk new backup main
st=$work/new.state
printf xx >"$st/given"
printf xx >"$st/given.copy"
expect 6 fk new backup main
grep -q "farkeep recover" "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
expect 0 fk new snapshots
expect 0 fk new recover --recovery-key-file "$work/sheet"
expect 0 fk new backup main
for file in identity agent.key; do
  printf '\xff\xff\xff' >"$st/$file"
  expect 6 fk new register
  grep -q "farkeep recover --agent $id" "$work/err" || fail "it does not say what to do: $(cat "$work/err")"
  token --recover "$id" >"$work/new.token"
  expect 0 fk new recover --recovery-key-file "$work/sheet"
  [ -e "$st/$file.aside-1" ] || fail "$file was not kept"
  expect 0 fk new backup main
done
expect 0 fk new restore latest --target "$work/restored3"
same "$work/src" "$work/restored3$work/src"

note "registered anew in the folder of an agent whose identity was lost: its history is put aside"
expect 0 fk new snapshots --wait-protected
rm "$st/identity" "$st/agent.key"
token >"$work/new.token"
expect 0 fk new register
ls -d "$st"/aside-1/pins >/dev/null || fail "the earlier agent's history is where it was"
expect 0 fk new backup main
expect 0 fk new status
[ "$(fk new snapshots | wc -l)" -eq 1 ] || fail "the new agent has other snapshots than its own: $(fk new snapshots)"
echo "passed"
