#!/usr/bin/env bash
# The keys of a pair: the root's key goes offline, server and issuing keys are replaced, a stolen key and a lost server are revoked, a token goes to the server that made it alone, and a
# poisoned directory is put aside.
. "$(dirname "$0")/lib.sh" 131

auth() { local verb=$1; shift; farkeep-server authority "$verb" --data "$work/east" "$@"; }
key_of() { farkeep-server authority show --data "$work/$1" --json | grep -o "\"$2\":\"[0-9a-f]*\"" | cut -d'"' -f4; }

mkdir -p "$work/src"
seq 5000 >"$work/src/numbers"
pair_up
agent_up legit "$work/src"
expect 0 fk legit backup main
expect 0 fk legit snapshots --wait-protected

note "a token is for the server that made it: another one, with a good certificate for its address, is not given it"
agent_ini lost "$work/src"
token >"$work/lost.token"
sed -i "/^server = $east/d" "$work/lost.ini"
expect 5 farkeep --config "$work/lost.ini" register
says "was not handed over"
sed -i "s/^server = $west/server = $east/" "$work/lost.ini"
expect 0 farkeep --config "$work/lost.ini" register

note "a token of an older server, without ids, works as before, and is warned of"
agent_ini older "$work/src"
token | base32 -d | head -c 32 | base32 -w0 | tr -d = >"$work/older.token"
expect 0 farkeep --config "$work/older.ini" register
says "names no server"

note "the root's key goes offline, and the server goes on without it"
echo "a long passphrase" >"$work/passphrase"
expect 2 auth export-root
expect 0 auth export-root --file "$work/root.pem" --passphrase-file "$work/passphrase"
# Again, as after a try that was ended behind the file.
expect 0 auth export-root --file "$work/root.pem" --passphrase-file "$work/passphrase" --remove
grep -q "ENCRYPTED PRIVATE KEY" "$work/root.pem" || fail "it is not encrypted"
[ ! -e "$work/east/identity/root.key" ] || fail "it is still there"
anew east 1
expect 0 fk legit backup main
expect 2 auth renew-issuing
says "takes the root's key"
expect 2 farkeep-server invite --data "$work/east" --replace
echo "another passphrase" >"$work/wrong"
printf '\357\273\277# of 2025\r\n' >"$work/old-line"  # an older version took just this line for the passphrase
openssl pkey -in "$work/root.pem" -passin "file:$work/passphrase" | openssl pkcs8 -topk8 -scrypt -passout "pass:$(printf '\357\273\277# of 2025')" -out "$work/old.pem"
printf 'and this one for nothing\n' >>"$work/old-line"
expect 2 auth revoke --server "$(key_of east server)" --root-key "$work/old.pem" --passphrase-file "$work/old-line"  # it opens, and nobody revokes the key at hand
expect 5 auth renew-issuing --root-key "$work/root.pem" --passphrase-file "$work/wrong"

note "a key of nobody in the root's place: the server says so, and goes on with the keys that it has"
cp "$work/east/identity/server.key" "$work/east/identity/root.key"
for i in $(seq 600); do ! grep -q "taking changed keys over: " "$work/east.log" || break; sleep 0.05; done
grep -q "taking changed keys over: .*root.key" "$work/east.log" || fail "it does not say so: $(tail -n 3 "$work/east.log")"
expect 0 fk legit backup main
rm "$work/east/identity/root.key"

note "the server's key was stolen: a new one, and the old one is revoked; agents and partner go on"
cp -a "$work/east" "$work/thief"
old_key=$(key_of east server_key)
expect 0 auth renew-server --revoke-old --root-key "$work/root.pem" --passphrase-file "$work/passphrase"
[ "$old_key" != "$(key_of east server_key)" ] || fail "the key is the old one"
expect 0 auth show
says "$old_key"
anew east 2
expect 0 fk legit backup main
expect 0 fk legit snapshots --wait-protected
anew west 1
[ ! -e "$work/east/identity/root.key" ] || fail "the root's key stayed there"

note "the thief stands at the server's address: who has heard of it gives him nothing"
thief_up
expect 5 fk legit backup main
says "was revoked by the data centres' root"
server_kill thief
server_up east
server_up west

note "a new issuing key: agents that the old one certified go on, new ones are certified by the new one"
old_key=$(key_of east issuing_key)
expect 0 auth renew-issuing --revoke-old --root-key "$work/root.pem" --passphrase-file "$work/passphrase"
[ "$old_key" != "$(key_of east issuing_key)" ] || fail "the issuing key is the old one"
anew east 3
expect 0 fk legit backup main
agent_up fresh "$work/src"
expect 0 fk fresh backup main
expect 0 fk fresh snapshots --wait-protected

note "a directory is put aside, with a line of who said so, and a new one is signed"
expect 2 farkeep-server directory set-aside --data "$work/east"
expect 0 farkeep-server directory set-aside --data "$work/east" --reason "a serial that nobody gave"
grep -q "a serial that nobody gave" "$work/east/audit.log" || fail "there is no line: $(cat "$work/east/audit.log")"
expect 0 fk legit backup main
expect 2 farkeep-server directory publish --data "$work/west" --primary "$west"

note "a lost server is revoked as a whole: the partner and agents refuse it"
expect 2 auth revoke --server "$(key_of east server)" --root-key "$work/root.pem" --passphrase-file "$work/passphrase"
expect 0 auth revoke --server "$(key_of west server)" --root-key "$work/root.pem" --passphrase-file "$work/passphrase"
anew east 4
expect 0 fk legit backup main
server_kill east
expect 5 fk legit backup main
says "was revoked by the data centres' root"
server_up east
expect 0 fk legit restore latest --target "$work/out1"
same "$work/src" "$work/out1$work/src"
echo "passed"
