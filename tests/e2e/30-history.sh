#!/usr/bin/env bash
# A server's store is set back to an earlier day: every verb that reads notices it, for each server apart, and reads from the other one; the partner heals it.
# And a machine that is set back to an image of itself backs up again, with an alarm that its administrator ends.
. "$(dirname "$0")/lib.sh" 150

mkdir -p "$work/src"
pair_up
agent_up legit "$work/src"
back_up() { echo "$1" >"$work/src/version"; expect 0 fk legit backup main; expect 0 fk legit snapshots --wait-protected; }
back_up one
back_up two
store_of() { find "$work/$1" -path '*/snap/*' -type f | sort; }
[ "$(store_of east | wc -l)" = 2 ] || fail "the store does not look as expected: $(store_of east)"

set_back() {  # NAME, to the first snapshot; the partner is kept from healing it
  server_kill east; server_kill west
  local last; last=$(store_of "$1" | tail -n 1)
  mkdir -p "$work/taken"
  mv "$last" "$work/taken/snap"
  find "$work/$1" -path '*/partner/*' -name "$(basename "$last")" -type f -exec mv {} "$work/taken/partner" \;
}
put_back() { rm -rf "$work/$1"; mv "$work/$1.whole" "$work/$1"; }
alarmed() { grep -q "ALARM.*$1.*number 2.*set back" "$work/err" || fail "no alarm that names $1, number 2 and what happened: $(cat "$work/err")"; }

for name in east west; do
  other=west; [ $name = west ] && other=east
  note "$name alone is set back, and $other does not answer: nothing old is taken for the newest"
  server_kill east; server_kill west
  cp -a "$work/$name" "$work/$name.whole"
  set_back $name
  server_up $name
  for verb in "snapshots" "check --read-data" "restore latest --target $work/old.$name" "ls latest"; do
    expect 6 fk legit $verb
    alarmed $name
  done
  [ ! -e "$work/old.$name$work/src/version" ] || fail "yesterday's file was restored as today's"
  expect 6 fk legit restore latest --accept-older --target "$work/old.$name"
  alarmed $name
  [ "$(cat "$work/old.$name$work/src/version")" = one ] || fail "what is left was not restored"
  expect 6 fk legit status
  alarmed $name
  grep -q "protected (on both servers)" "$work/out" && fail "status still says protected"
  expect 6 fk legit status --json
  grep -q '"alarms":\[{"server":"'$name "$work/out" || fail "no alarm in JSON: $(cat "$work/out")"
  expect 6 fk legit backup main
  server_kill $name

  note "with $other, which is right: it is read, the alarm is told, and the partner heals $name"
  put_back $name
  set_back $name
  server_up $name
  rm -rf "$work/new.$name"
  server_up $other
  rc=0
  fk legit restore latest --target "$work/new.$name" >"$work/out" 2>"$work/err" || rc=$?
  [ $rc -eq 6 ] || { [ $rc -eq 0 ] && ! grep -q ALARM "$work/err"; } || fail "a restore beside an alarm ended with $rc: $(cat "$work/err")"  # unless the partner was quicker
  [ "$(cat "$work/new.$name$work/src/version")" = two ] || fail "not the newest was restored"
  for _ in $(seq 1200); do
    [ "$(store_of $name | wc -l)" = 2 ] && break
    sleep 0.2
  done
  expect 0 fk legit status
  expect 0 fk legit snapshots
  rm -rf "$work/taken"
  rm -rf "$work/$name.whole"
  server_kill east; server_kill west
  server_up east; server_up west
done

note "a machine that was set back to an image of itself backs up again, and says so once"
cp -a "$work/legit.state" "$work/image"
echo three >"$work/src/version"; expect 0 fk legit backup main
echo four >"$work/src/version"; expect 0 fk legit backup main
expect 0 fk legit snapshots --wait-protected
rm -rf "$work/legit.state"; cp -a "$work/image" "$work/legit.state"
echo five >"$work/src/version"
expect 6 fk legit backup main  # it does not know that it made them: a clone of it may have
grep -q "ALARM.*another machine works with a copy of this state folder.*or this folder was set back" "$work/err" || fail "what is newer than the image is not told: $(cat "$work/err")"
expect 6 fk legit status
expect 0 fk legit history accept --yes
expect 0 fk legit backup main
expect 0 fk legit status
expect 0 fk legit snapshots --json
grep -q '"sequence":5' "$work/out" || fail "the chain does not go on: $(cat "$work/out")"

note "small files that rot are told, and heal"
st=$work/legit.state
for file in pins pins.copy head head.copy; do head -c 60 /dev/zero >"$st/$file"; done
expect 6 fk legit status
for file in pins head; do grep -q "error.*/$file and its copy are damaged" "$work/err" || fail "it does not say that $file is damaged: $(cat "$work/err")"; done
expect 6 fk legit status
expect 6 fk legit backup main
grep -q "ALARM.*is lost" "$work/err" || fail "the run does not say what is lost: $(cat "$work/err")"
expect 6 fk legit status
expect 0 fk legit backup main
expect 0 fk legit status
[ ! -s "$work/err" ] || fail "it is not healed: $(cat "$work/err")"
cp "$st/pins" "$work/pins"
head -c 60 /dev/zero >"$st/pins"
expect 0 fk legit status
cmp -s "$st/pins" "$work/pins" || fail "the damaged copy was not written anew"
cp "$st/directory" "$work/directory"
LC_ALL=C sed -i "s/$east/${east%2}9/g" "$st/directory"
cmp -s "$st/directory" "$work/directory" && fail "the test changed nothing"
expect 0 fk legit backup main
expect 0 fk legit snapshots --wait-protected
cmp -s "$st/directory" "$work/directory" || fail "the right directory did not take the place of the damaged one"

note "a recovered machine says which snapshot is the newest, and who said so"
fk legit key recovery >"$work/sheet" 2>/dev/null
agent_ini fresh "$work/src"
id=$(farkeep-server agents --data "$work/east" --json | sed -n 's/.*"agent" *: *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
token --recover "$id" >"$work/fresh.token"
expect 0 fk fresh recover --recovery-key-file "$work/sheet"
server_kill west
expect 0 fk fresh restore latest --target "$work/fresh.out"
grep -q "number 9.*east.*NOT heard of: west" "$work/err" || fail "not said: $(cat "$work/err")"
[ "$(cat "$work/fresh.out$work/src/version")" = five ] || fail "not the newest"
echo passed
