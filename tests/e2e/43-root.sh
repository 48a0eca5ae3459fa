#!/usr/bin/env bash
# One root follows another while agents back up: the new one is made offline, both servers go over one after the other, the old one is retired.  An agent of before, one that was off all the
# time, a new one and a recovered machine go on; the thief of what stood under the old root gets nothing.
. "$(dirname "$0")/lib.sh" 143

auth() { local server=$1 verb=$2; shift 2; farkeep-server authority "$verb" --data "$work/$server" "$@"; }
old_root=(--root-key "$work/root.pem" --passphrase-file "$work/passphrase")
new_root=(--root-key "$work/root-2.pem" --passphrase-file "$work/passphrase-2")
# pinned NAME: this agent was given the root of that time
pinned() { sed -i "s|^ca_file = .*|ca_file = $work/ca-$2.pem|" "$work/$1.ini"; }
backs_up() {
  expect 0 fk "$1" backup main
  expect 0 fk "$1" snapshots --wait-protected
}

mkdir -p "$work/src"
seq 5000 >"$work/src/numbers"
echo "a long passphrase" >"$work/passphrase"
echo "another one" >"$work/passphrase-2"
echo "correct horse" >"$work/agent-passphrase"
pair_up
cp "$work/east/ca.pem" "$work/ca-1.pem"
for name in before sleeper dozer deep lost; do
  agent_up "$name" "$work/src"
  pinned "$name" 1
  backs_up "$name"
done
first=$(fk before snapshots --json | grep -o '"\(id\|snapshot\)" *: *"[0-9a-f]*"' | head -n 1 | grep -o '[0-9a-f]\{16,\}')
[ -n "$first" ] || fail "no snapshot is listed: $(fk before snapshots --json)"
expect 0 fk lost key passphrase --passphrase-file "$work/agent-passphrase"
lost=$(farkeep-server agents --data "$work/east" --json | grep '"lost"' | sed -n 's/.*"agent" *: *"\([0-9a-f]\{32\}\)".*/\1/p')
[ -n "$lost" ] || fail "the agent's id is not listed"
expect 0 auth east export-root --file "$work/root.pem" --passphrase-file "$work/passphrase" --remove
anew east 1
server_kill east
cp -a "$work/east" "$work/thief"
server_up east

note "a new root follows: its key goes to a file alone, and the servers go on as they are"
expect 2 auth east retire-root "${old_root[@]}"
says "roll-root"
expect 2 auth east roll-root --file "$work/root-2.pem" --new-passphrase-file "$work/passphrase-2"
says "takes the root's key"
[ ! -e "$work/root-2.pem" ] || fail "there is a key of a root that was not made"

note "a file that is there is not replaced, unless an earlier try that was ended wrote it"
cp "$work/root.pem" "$work/other.pem"
expect 1 auth east roll-root --file "$work/other.pem" --new-passphrase-file "$work/passphrase-2" "${old_root[@]}"
says "is not what this passphrase opens"
expect 1 auth east roll-root --file "$work/other.pem" --new-passphrase-file "$work/passphrase" "${old_root[@]}"
says "a root that was told of"
cmp -s "$work/root.pem" "$work/other.pem" || fail "the file was replaced"
openssl genpkey -algorithm ed25519 2>/dev/null | openssl pkcs8 -topk8 -scrypt -passout "file:$work/passphrase-2" -out "$work/root-2.pem"
left=$(openssl pkey -in "$work/root-2.pem" -passin "file:$work/passphrase-2" -pubout)
expect 0 auth east roll-root --file "$work/root-2.pem" --new-passphrase-file "$work/passphrase-2" "${old_root[@]}"
[ "$(openssl pkey -in "$work/root-2.pem" -passin "file:$work/passphrase-2" -pubout)" = "$left" ] || fail "it went on with another key"
grep -q "ENCRYPTED PRIVATE KEY" "$work/root-2.pem" || fail "it is not encrypted"
[ ! -e "$work/east/identity/root.key" ] || fail "a root's key came to the server"
anew east 2
anew west 1
backs_up before
expect 0 auth east show
says "To do        here: "
says "on the partner, west"
cmp -s "$work/ca-1.pem" "$work/east/ca.pem" || fail "ca.pem is of a root under which nobody stands"

note "from here on the old root's key does nothing, and cannot be ended while servers stand under it"
expect 2 auth east renew-issuing "${old_root[@]}"
says "key of an older root"
expect 2 auth east roll-root --file "$work/root-3.pem" --new-passphrase-file "$work/passphrase-2" "${old_root[@]}"
says "key of an older root"
expect 2 auth east retire-root "${new_root[@]}"
says "this server stands under that root; first"

note "one server goes over: agents of before reach both, a new one that is given the new root too"
expect 0 auth east renew-issuing "${new_root[@]}"
anew east 3
cp "$work/east/ca.pem" "$work/ca-2.pem"
cmp -s "$work/ca-1.pem" "$work/ca-2.pem" && fail "ca.pem is the old root's"
cmp -s "$work/ca-1.pem" "$work/west/ca.pem" || fail "the partner's ca.pem is not that under which it stands"
backs_up before
agent_ini after "$work/src"
pinned after 2
token >"$work/after.token"
expect 0 fk after register
backs_up after
server_kill east
expect 0 fk after backup main
server_up east
expect 2 auth east retire-root "${new_root[@]}"
says "the partner, west, "
expect 2 auth east revoke --key "$(auth east show --json | grep -o '"key":"[0-9a-f]*"' | head -n 1 | cut -d'"' -f4)" "${new_root[@]}"

note "the other one goes over, and the old root is retired"
expect 0 auth west renew-issuing "${new_root[@]}"
anew west 2
cmp "$work/ca-2.pem" "$work/west/ca.pem"
within_minutes "newest, of this server, of the partner" auth east show
backs_up before
within_minutes "of 6 may not have heard" auth east show
expect 0 auth east retire-root "${new_root[@]}"
anew east 4
anew west 3
expect 0 auth east show
says "retired since"
! grep -q "To do" "$work/out" || fail "there is something left to do: $(cat "$work/out")"

note "all go on, the one that slept too; what was stored under the old root comes back"
for name in before after sleeper; do backs_up "$name"; done
for name in before sleeper; do
  expect 0 fk "$name" restore latest --target "$work/out-$name"
  same "$work/src" "$work/out-$name$work/src"
done
expect 0 fk before restore "$first" --target "$work/out-first"
same "$work/src" "$work/out-first$work/src"
# Its certificate is due, and the new one leads to a root of which it has not heard.
expect 0 in_future +300d fk dozer backup main
says "certificate was renewed"
backs_up dozer
agent_ini bundled "$work/src"
pinned bundled 1
token >"$work/bundled.token"
expect 0 fk bundled register
backs_up bundled
agent_ini heir "$work/src"
pinned heir 2
token --recover "$lost" >"$work/heir.token"
expect 0 fk heir recover --agent "$lost" --passphrase-file "$work/agent-passphrase"
expect 0 fk heir restore latest --target "$work/out-heir"
same "$work/src" "$work/out-heir$work/src"
expect 0 fk heir snapshots
! grep -q "not valid\|does not hold" "$work/out" || fail "old history does not verify under the new root: $(cat "$work/out")"

note "a second time, with the root's key on the server, where the new one takes its place; one agent slept through both"
expect 0 auth east import-root "$work/root-2.pem" --passphrase-file "$work/passphrase-2"
anew east 5
expect 0 auth east roll-root --file "$work/root-3.pem" --new-passphrase-file "$work/passphrase-2"
says "in the place of the old one"
anew east 6
anew west 4
expect 0 auth east renew-issuing
anew east 7
expect 0 auth west renew-issuing --root-key "$work/root-3.pem" --passphrase-file "$work/passphrase-2"
anew west 5
within_minutes "newest, of this server, of the partner" auth east show
expect 0 auth east retire-root
anew east 8
anew west 6
for name in before after deep; do backs_up "$name"; done
expect 0 fk deep restore latest --target "$work/out-deep"
same "$work/src" "$work/out-deep$work/src"

note "a server that joins now knows all roots: it takes over what was stored, acknowledged and registered under the first one"
server_kill west
mv "$work/west" "$work/west.lost"
farkeep-server invite --data "$work/east" --replace >"$work/invitation"
expect 0 farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation"
server_up west
cmp "$work/east/ca.pem" "$work/west/ca.pem"
backs_up before
within_minutes " 0 behind" farkeep-server pair --data "$work/east"
server_kill east
expect 0 fk before restore "$first" --target "$work/out-joined"
same "$work/src" "$work/out-joined$work/src"
server_up east

note "who stole the server's folder before that, and stands at its address, gets nothing from those who heard, and nothing from who pins the new root"
thief_up
for name in before sleeper after; do
  expect 5 fk "$name" backup main
  says "was revoked by the data centres' root"
done
agent_ini late "$work/src"
pinned late 2
sed -i "/^server = $west/d" "$work/late.ini"
cp "$work/after.token" "$work/late.token"
expect 5 fk late register
says "another authority"
echo "passed"
