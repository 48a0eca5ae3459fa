#!/usr/bin/env bash
# Commands that write more than one file are killed after each change of the disk in turn: the same command given again ends them, or says what to do; no server stops
# starting, no key is left half, and what is said to be revoked or removed is.
. "$(dirname "$0")/lib.sh" 144
[ -z "${FARKEEP_SANITIZED:-}" ] || { echo "skipped: it opens keys under passphrases two hundred times, which takes minutes under a sanitizer"; exit 77; }
: "${FARKEEP_DIE_AT:?names the library that kills}"

# killed_at N COMMAND…: its exit code in rc; 137 when it was killed.  In a shell of its own, which would else tell of each.
killed_at() {
  local n=$1
  shift
  rc=$( (ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" DIE_AT=$n LD_PRELOAD=$FARKEEP_DIE_AT "$@" >"$work/out" 2>"$work/err"; echo $?) 2>/dev/null)
}
again() {  # COMMAND…: 0, or it was done before, and it says what to do next
  rc=0
  "$@" >"$work/out" 2>"$work/err" || rc=$?
}
# every_point LEAST PREPARE CHECK COMMAND…: at each point a state made by PREPARE, the command killed, then CHECK; until it runs to its end.
every_point() {
  local least=$1 prepare=$2 check=$3 n=1
  shift 3
  while :; do
    $prepare
    killed_at $n "$@"
    [ $rc = 137 ] || break
    $check "$@"
    n=$((n + 1))
  done
  [ $rc = 0 ] || { cat "$work/out" "$work/err" >&2; fail "$* ended with $rc"; }
  [ $n -gt "$least" ] || fail "$* was killed at $((n - 1)) points only"
  echo "   $((n - 1)) points"
}
echo "correct horse" >"$work/passphrase"
echo "battery staple" >"$work/passphrase-2"

note "farkeep-deploy escrow create"
no_keys() { rm -f "$work"/escrow.*; }
is_pair() { [ "$(openssl pkey -in "$work/escrow.key" -passin "file:$work/passphrase" -pubout)" = "$(cat "$work/escrow.pub")" ] || fail "the two files are no pair"; }
pair_comes() {
  local kept=none
  [ ! -e "$work/escrow.key" ] || kept=$(cat "$work/escrow.key")
  again "$@"
  if [ $rc != 0 ]; then
    [ $rc = 1 ] || fail "escrow create again ended with $rc: $(cat "$work/err")"
    says "both"
  fi
  is_pair
  [ "$kept" = none ] || [ "$kept" = "$(cat "$work/escrow.key")" ] || fail "a private key was replaced"
}
escrow=(farkeep-deploy escrow create --private-key-file "$work/escrow.key" --public-key-file "$work/escrow.pub" --passphrase-file "$work/passphrase")
every_point 4 no_keys pair_comes "${escrow[@]}"
is_pair
# Half a pair is ended by whoever can open it, and by nobody else; a public key without its private one is of no use.
rm "$work/escrow.pub"
expect 5 farkeep-deploy escrow create --private-key-file "$work/escrow.key" --public-key-file "$work/escrow.pub" --passphrase-file "$work/passphrase-2"
[ ! -e "$work/escrow.pub" ] || fail "a public key came of nothing"
expect 0 "${escrow[@]}"
is_pair
mv "$work/escrow.key" "$work/away.key"
expect 1 "${escrow[@]}"
says "without its private key"
rm "$work/escrow.pub"
seq 100 >"$work/escrow.key"
expect 1 "${escrow[@]}"
[ ! -e "$work/escrow.pub" ] || fail "a public key came of a file that is none"

note "farkeep-server init, of a first server"
nothing() { rm -rf "$work/one"; }
server_comes() {
  again "$@"
  [ $rc = 0 ] || says "farkeep-server run"
  expect 0 farkeep-server authority show --data "$work/one"
  [ "$(openssl x509 -in "$work/one/ca.pem" -noout -pubkey)" = "$(openssl pkey -in "$work/one/identity/root.key" -pubout)" ] || fail "ca.pem is of another root"
}
every_point 10 nothing server_comes farkeep-server init --data "$work/one" --name one --address 127.144.1.2

note "farkeep-server init, of one that joins: the same invitation does until it is done"
farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
server_up east
invited() { rm -rf "$work/west"; farkeep-server invite --data "$work/east" --replace >"$work/invitation"; }
partner_comes() {
  again "$@"
  [ $rc = 0 ] || says "farkeep-server run"
  expect 0 farkeep-server authority show --data "$work/west" --json
  local id
  id=$(grep -o '"server":"[0-9a-f]*"' "$work/out" | cut -d'"' -f4)
  expect 0 farkeep-server pair --data "$work/east" --json
  says "\"partner\":\"$id\""
}
every_point 10 invited partner_comes farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation"
# A folder in which a join was begun is no first server's; a first server that was begun there is forgotten.
killed_with() {  # FILE COMMAND…: in the data folder $work/west, when there is this file, and no server yet
  local file=$1 n=1
  shift
  until [ -e "$work/west/$file" ]; do
    rm -rf "$work/west"
    killed_at $n "$@"
    [ $rc = 137 ] || fail "$* was not killed with a $file"
    n=$((n + 1))
  done
  [ ! -e "$work/west/identity/server" ] || fail "a server was there with the first $file"
}
invited
killed_with identity/joining farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation"
expect 1 farkeep-server init --data "$work/west" --name west --address "$west"
says "--invite"
rm -rf "$work/west"
killed_with identity/root.key farkeep-server init --data "$work/west" --name west --address "$west"
expect 0 farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation"
expect 0 farkeep-server authority show --data "$work/west"
server_kill east TERM

key_of() { farkeep-server authority show --data "$work/one" --json | grep -o "\"$1\":\"[0-9a-f]*\"" | cut -d'"' -f4; }
rm -rf "$work/fresh"
cp -a "$work/one" "$work/fresh"
fresh() { rm -rf "$work/one" "$work"/root*.pem; cp -a "$work/fresh" "$work/one"; }
starts() { expect 0 farkeep-server authority show --data "$work/one"; }

note "authority renew-server --revoke-old: it is the old key that is revoked, whatever happened"
renewed() {
  starts
  expect 0 "$@"
  starts
  says "$old"
  local now
  now=$(key_of "$which")
  [ "$now" != "$old" ] || fail "the key is the old one"
  [ "$(farkeep-server authority show --data "$work/one" --json | grep -o "\"key\":\"$now\"" | wc -l)" = 0 ] || fail "the new key was revoked"
}
fresh
which=server_key old=$(key_of server_key)
every_point 6 fresh renewed farkeep-server authority renew-server --data "$work/one" --revoke-old
which=issuing_key old=$(key_of issuing_key)
fresh
old=$(key_of issuing_key)
every_point 6 fresh renewed farkeep-server authority renew-issuing --data "$work/one" --revoke-old

note "authority export-root --remove"
removed() {
  starts
  expect 0 "$@"
  starts
  [ -z "$(grep -rl "PRIVATE KEY" "$work/one/identity" | grep -v -e '/server\.key$' -e '/issuing\.key$' || true)" ] || fail "a root's key lies there still: $(ls "$work/one/identity")"
  expect 0 farkeep-server authority renew-issuing --data "$work/one" --root-key "$work/root.pem" --passphrase-file "$work/passphrase"
}
every_point 6 fresh removed farkeep-server authority export-root --data "$work/one" --file "$work/root.pem" --passphrase-file "$work/passphrase" --remove

note "authority roll-root"
rolled() {
  starts
  again "$@"
  [ $rc = 0 ] || says "import-root"
  starts
  [ -z "$(find "$work/one/identity" -name 'root.key?*')" ] || [ $rc != 0 ] || fail "an older root's key lies there still"
  [ $rc = 0 ] || expect 0 farkeep-server authority import-root --data "$work/one" "$work/root-2.pem" --passphrase-file "$work/passphrase-2"
  expect 0 farkeep-server authority renew-issuing --data "$work/one"
  [ -z "$(find "$work/one/identity" -name 'root.key?*')" ] || fail "an older root's key lies there still"
}
every_point 6 fresh rolled farkeep-server authority roll-root --data "$work/one" --file "$work/root-2.pem" --new-passphrase-file "$work/passphrase-2"

note "authority renew-issuing --revoke-old under the new root: agents are given that one"
fresh
expect 0 farkeep-server authority roll-root --data "$work/one" --file "$work/root-2.pem" --new-passphrase-file "$work/passphrase-2"
cp -a "$work/one" "$work/rolled"
again_rolled() { rm -rf "$work/one"; cp -a "$work/rolled" "$work/one"; }
under_the_new() {
  renewed "$@"
  [ "$(openssl x509 -in "$work/one/ca.pem" -noout -pubkey)" = "$(openssl pkey -in "$work/one/identity/root.key" -pubout)" ] || fail "ca.pem is of the older root"
}
every_point 6 again_rolled under_the_new farkeep-server authority renew-issuing --data "$work/one" --revoke-old

note "directory set-aside keeps what it takes away"
fresh
expect 0 farkeep-server directory show --data "$work/one"
rm -rf "$work/fresh"
cp -a "$work/one" "$work/fresh"
expect 0 farkeep-server directory set-aside --data "$work/one" --reason "a drill"
kept_as=$(find "$work/one/registry" -name "directory.aside-*")
cp "$kept_as" "$work/before"
kept() {
  expect 0 "$@"
  ! cmp -s "$work/fresh/registry/directory" "$work/one/registry/directory" || fail "it is still in force"
  cmp -s "$kept_as" "$work/before" || fail "$kept_as is not what was in force"
}
every_point 6 fresh kept farkeep-server directory set-aside --data "$work/one" --reason "a drill"
echo "passed"
