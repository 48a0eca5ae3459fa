#!/usr/bin/env bash
# Wrong input of every kind: one clear message, its exit code, and nothing stored is harmed.
. "$(dirname "$0")/lib.sh" 93

mkdir -p "$work/src"
seq 50000 >"$work/src/numbers"
head -c 3000000 /dev/urandom >"$work/src/noise"
pair_up
said() { grep -qi -- "$1" "$work/err" || fail "the message does not say '$1': $(cat "$work/err")"; }

note "usage and configuration: exit 2, with file, line and the nearest key"
expect 2 farkeep bakup
said "did you mean 'backup'"
agent_ini a "$work/src"
sed 's/^ca_file/ca_fiel/' "$work/a.ini" >"$work/b.ini"
expect 2 fk b backup main
said "b.ini:8"
said "ca_file"
sed "s/^server = $east/server = backup.example.com/" "$work/a.ini" >"$work/b.ini"
expect 2 fk b config check
said "by IP address"
expect 2 fk nothing backup main
expect 2 fk a backup main
said "not registered"

note "tokens: wrong, used up"
echo "WRONG" >"$work/a.token"
expect 5 fk a register
token >"$work/a.token"
expect 0 fk a register
expect 2 fk a register
agent_ini c "$work/src"
cp "$work/a.token" "$work/c.token"
expect 5 fk c register
said "token"

note "another authority: exit 5, nothing is sent"
farkeep-server init --data "$work/stranger" --name stranger --address 127.93.0.9 >/dev/null 2>&1
sed "s|^ca_file.*|ca_file = $work/stranger/ca.pem|" "$work/a.ini" >"$work/d.ini"
expect 5 fk d backup main

expect 0 fk a backup main
expect 2 fk a backup nojob
expect 0 fk a snapshots --wait-protected

if [ "$(id -u)" = 0 ]; then
  note "an unreadable file: exit 3, the rest is in the snapshot"
  mkdir -p "$work/nosy"
  chmod 711 "$work"
  chmod 755 "$work/src"
fi

note "a damaged record: exit 6 from check, the healthy server still restores"
segment=$(find "$work/east" -path '*seg*' -type f -size +1000k | head -n 1)
[ -n "$segment" ] || fail "no segment file found"
server_kill east
python3 - "$segment" <<'PY'
import os, sys
path = sys.argv[1]
os.chmod(path, 0o600)
with open(path, "r+b") as f:
    f.seek(os.path.getsize(path) // 2)
    b = f.read(1)
    f.seek(-1, 1)
    f.write(bytes([b[0] ^ 0xff]))
PY
server_up east
server_kill west
expect 6 fk a check --read-data
server_up west
server_kill east
expect 0 fk a check --read-data
expect 0 fk a restore latest --target "$work/restored"
same "$work/src" "$work/restored$work/src"
server_up east

note "a second run while one is running: exit 7"
(
  flock 9
  expect 7 fk a backup main
) 9>>"$work/a.state/lock"

note "restore asks for what is not there"
expect 1 fk a restore 0123abcd --target "$work/x"
expect 1 fk a restore latest --target "$work/x" --path /not/there
expect 2 fk a restore latest
echo "passed"
