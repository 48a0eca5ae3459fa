#!/usr/bin/env bash
# The registry: a stolen machine is shut out and its vault handed on; a file that rots is told, healed by the partner, and holds nobody up;
# what the partner says of an agent can be set aside.
. "$(dirname "$0")/lib.sh" 142

id_of() { farkeep-server agents --data "$work/$1" --json 2>/dev/null | sed -n "s/.*\"agent\" *: *\"\([0-9a-f]\{32\}\)\" *, *\"name\" *: *\"$2\".*/\1/p" | head -n 1; }
# until COMMAND…: the mirror needs seconds, and minutes where many tests run at once.
until_it() {
  local i
  for i in $(seq 600); do
    "$@" >"$work/out" 2>"$work/err" && return 0
    sleep 0.2
  done
  cat "$work/out" "$work/err" >&2
  fail "this did not become so: $*"
}

# flip_bit FILE OFFSET: whatever the byte is, it is another one afterwards.
flip_bit() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

mkdir -p "$work/src"
seq 100000 >"$work/src/numbers"
echo "correct horse" >"$work/passphrase"
pair_up
agent_up stolen "$work/src"
agent_up other "$work/src"
expect 0 fk stolen backup main
expect 0 fk stolen key passphrase --passphrase-file "$work/passphrase"
expect 0 fk stolen snapshots --wait-protected
id=$(id_of east stolen)
[ -n "$id" ] || fail "the agent's id is not listed"

note "revoked: neither server lets it in, and a recovery alone does not change that"
expect 0 farkeep-server agent revoke stolen --data "$work/east"
revoked_at_west() { farkeep-server agents --data "$work/west" >"$work/list" && grep -q "$id.*revoked" "$work/list"; }
until_it revoked_at_west
expect 5 fk stolen backup main
expect 2 token --recover "$id"
grep -q -- --admit "$work/err" || fail "nothing says how: $(cat "$work/err")"
token --recover "$id" --admit >"$work/new.token"
agent_ini new "$work/src"
cp "$work/new.token" "$work/new.token.kept"
expect 0 fk new recover --agent "$id" --passphrase-file "$work/passphrase"
expect 0 fk new restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"
expect 5 fk stolen backup main

note "one wrong bit in an agent's record: the list goes on without it, exit code 6; the partner heals it"
# With what it knows: so it must have heard of the recovery before it goes.
active_at_west() { farkeep-server agents --data "$work/west" >"$work/list" && grep -q "$id.*active" "$work/list"; }
until_it active_at_west
expect 0 farkeep-server status --data "$work/east"
server_kill west TERM
flip_bit "$work/east/registry/agents/$id" 60
expect 6 farkeep-server agents --data "$work/east"
grep -q other "$work/out" || fail "the other agent is not listed"
grep -q "agents/$id is damaged" "$work/err" || fail "nothing says which: $(cat "$work/err")"
expect 6 farkeep-server status --data "$work/east"
expect 0 fk other backup main
server_up west
until_it farkeep-server status --data "$work/east"
expect 0 fk new backup main

note "what the partner says of an agent is set aside, with a line in the audit log"
expect 2 farkeep-server registry set-aside "$id" --data "$work/west"
expect 0 farkeep-server registry set-aside "$id" --reason "a drill" --data "$work/west"
grep -q "a drill" "$work/west/audit.log" || fail "the audit log does not say it"
expect 0 farkeep-server registry heed-again "$id" --reason "the drill is over" --data "$work/west"

note "an agent's key slots are listed; one that is set aside is kept, and the partner does not bring it back"
slot_of() { farkeep-server slots "$id" --data "$work/$1" --json | grep -o '"slot" *: *"[0-9a-f]\{16\}"' | grep -o '[0-9a-f]\{16\}' | head -n 1; }
slot=$(slot_of east) || true
[ -n "$slot" ] || fail "no key slot is listed"
expect 2 farkeep-server slots set-aside "$id" "$slot" --data "$work/east"
expect 2 farkeep-server slots set-aside "$id" 7 --reason "junk" --data "$work/east"
expect 0 farkeep-server slots set-aside "$id" "$slot" --reason "junk of a thief" --data "$work/east"
grep -q "set aside" "$work/out" || fail "$(cat "$work/out")"
# A server that is busy with the vault carries the order out later.
until_it grep -q "slots set-aside.*junk of a thief" "$work/east/audit.log"
expect 0 farkeep-server slots "$id" --data "$work/east"
! grep -q "$slot" "$work/out" || fail "it is still listed"
[ "$(find "$work/east/store" -path '*/slot-aside/*' | wc -l)" = 1 ] || fail "it is not kept"
expect 0 fk new backup main

note "the operator's word that a data folder was restored is for a day, and needs a reason"
expect 2 farkeep-server registry take-back --data "$work/west"
expect 0 farkeep-server registry take-back --reason "a drill of the restore" --data "$work/west"
grep -q "a drill of the restore" "$work/west/audit.log" || fail "the audit log does not say it"

note "names that are no text do not get in"
expect 2 farkeep-server account add "$(printf 'caf\351')" --data "$work/east"
expect 0 farkeep-server account list --data "$work/east"
echo "passed"
