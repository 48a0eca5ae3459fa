#!/usr/bin/env bash
# A machine is lost with its disk: another one takes its vault over, with the passphrase and with the printed key.
. "$(dirname "$0")/lib.sh" 91

mkdir -p "$work/src"
seq 100000 >"$work/src/numbers"
echo "correct horse" >"$work/passphrase"
pair_up
agent_up lost "$work/src"
expect 0 fk lost backup main
expect 0 fk lost key passphrase --passphrase-file "$work/passphrase"
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
rm -rf "$work/new.state"
expect 5 fk new recover --recovery-key-file "$work/typo"
echo "passed"
