#!/usr/bin/env bash
# The deployment kit: from a profile to a machine that backs up, with nobody to answer; drift, damage, tokens that are spent, and recovery
# by the organisation's escrow key.  The machines are folders with a root of their own.
. "$(dirname "$0")/lib.sh" 113
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "skipped: needs root and mount namespaces"; exit 77; }

says_not() { ! grep -q -- "$1" "$work/out" "$work/err" || fail "it says '$1': $(cat "$work/out" "$work/err")"; }
# machine NAME: an empty one, with the system's programs and ours, and the user that the package makes.
machine() {
  local m=$work/$1
  mkdir -p "$m"/{etc,var/lib,tmp,dev,proc,opt,usr,root,srv}
  chmod 755 "$m"
  ln -s usr/bin "$m/bin"; ln -s usr/sbin "$m/sbin"; ln -s usr/lib "$m/lib"; ln -s usr/lib64 "$m/lib64"
  printf 'root:x:0:0::/root:/bin/sh\nfarkeep:x:990:990::/var/lib/farkeep:/usr/sbin/nologin\n' >"$m/etc/passwd"
  printf 'root:x:0:\nfarkeep:x:990:\n' >"$m/etc/group"
}
# on NAME COMMAND…: runs it there as root, without a terminal and with nothing to read.  The system's own /usr cannot be written to; what
# a package brings goes to a share/ of the machine's own, if it has one.
on() {
  local m=$work/$1
  shift
  # shellcheck disable=SC2016
  setsid --wait unshare -m sh -c 'm=$1 bin=$2; shift 2
    mount --bind /usr "$m/usr" && mount -o remount,bind,ro "$m/usr" && { [ ! -d "$m/share" ] || mount --bind "$m/share" "$m/usr/share"; } &&
    mount --bind "$bin" "$m/opt" && mount --bind /dev "$m/dev" && mount -t proc proc "$m/proc" &&
    exec env -i PATH=/opt:/usr/sbin:/usr/bin chroot "$m" "$@"' sh "$m" "$(realpath "$FARKEEP_BIN")" "$@" </dev/null
}
agent_on() { local m=$1; shift; on "$m" setpriv --reuid 990 --regid 990 --clear-groups farkeep "$@"; }  # farkeep's own user
carry() { rm -rf "$work/$2/root/bundle"; cp -r "$1" "$work/$2/root/bundle"; }  # BUNDLE MACHINE
agents() { farkeep-server agents --data "$work/east" --json | grep -c '"agent"' || true; }

pair_up
note "the organisation's key"
echo "correct horse" >"$work/passphrase"
expect 2 farkeep-deploy escrow create --private-key-file "$work/escrow.key"
expect 0 farkeep-deploy escrow create --private-key-file "$work/escrow.key" --public-key-file "$work/escrow.pub" --passphrase-file "$work/passphrase"
grep -q "ENCRYPTED" "$work/escrow.key" || fail "the private key lies open"
[ "$(stat -c %a "$work/escrow.key")" = 600 ] || fail "others may read the private key"
before=$(sha256sum <"$work/escrow.key")
expect 1 farkeep-deploy escrow create --private-key-file "$work/escrow.key" --public-key-file "$work/other.pub" --no-passphrase
[ "$before" = "$(sha256sum <"$work/escrow.key")" ] || fail "an escrow key was replaced"

note "a profile, its mistakes, and its classes"
cat >"$work/profile.ini" <<INI
[organisation]
name = Example Ltd
[registration]
server = $east
server = $west
ca_file = $work/east/ca.pem
[token]
command = farkeep-server token create --account test --data $work/east --uses {uses} --expires {expires} --json
uses = 2
[escrow]
public_key_file = $work/escrow.pub
[class web]
match = web*.example.org
[class db]
match = db*.example.org
[job data]
path = /srv/data
[job dump]
class = db
path = /srv/dump
INI
expect 0 farkeep-deploy check "$work/profile.ini"
says "class db: db\*.example.org; jobs data, dump"
sed 's/^class = db/class = dv/' "$work/profile.ini" >"$work/wrong.ini"
expect 2 farkeep-deploy bundle "$work/wrong.ini" --class web --out "$work"
says "wrong.ini:19: class: there is no \[class dv\]: did you mean db?"

note "a bundle, checked by us and by sha256sum"
expect 2 farkeep-deploy bundle "$work/profile.ini" --out "$work/bundles"
expect 0 farkeep-deploy bundle "$work/profile.ini" --class web --out "$work/bundles" --tar "$work/web.tar.gz"
web=$work/bundles/web
expect 0 farkeep-deploy verify "$web"
says "for 2 machines"
(cd "$web" && sha256sum -c manifest >/dev/null) || fail "sha256sum finds a difference"
[ -z "$(find "$web" -perm /077)" ] || fail "others may read the bundle"
expect 1 farkeep-deploy bundle "$work/profile.ini" --class web --out "$work/bundles"
says "is there already"
mkdir "$work/unpacked" && tar -C "$work/unpacked" -xzf "$work/web.tar.gz"
diff -r "$web" "$work/unpacked/web" >/dev/null || fail "the archive differs"
for f in nftables windows squid nginx; do grep -q "^$f" "$web/firewall-sheet.txt" || fail "the sheet lacks $f"; done

note "a bundle that was tampered with is named, and not installed"
cp -r "$web" "$work/tampered"
sed -i 's|^path = .*|path = /etc/shadow|' "$work/tampered/agent.ini"
expect 6 farkeep-deploy verify "$work/tampered"
says "agent.ini is not what the manifest says"
machine one
carry "$work/tampered" one
expect 6 on one sh /root/bundle/install.sh
says "agent.ini: FAILED"
[ ! -e "$work/one/etc/farkeep" ] || fail "something was installed"

note "into an image: files, and nothing else"
mkdir "$work/image"
expect 0 sh "$web/install.sh" --root "$work/image"
cmp "$web/agent.ini" "$work/image/etc/farkeep/agent.ini" || fail "the settings differ"
[ "$(agents)" = 0 ] || fail "an image registered"

note "an empty machine: registered and backing up, with nobody there"
mkdir -p "$work/one/srv/data"
seq 50000 >"$work/one/srv/data/numbers"
carry "$web" one
expect 0 on one sh /root/bundle/install.sh
says "registered as"
[ "$(stat -c '%a %g' "$work/one/etc/farkeep/agent.ini")" = "640 990" ] || fail "agent.ini: $(stat -c '%a %g' "$work/one/etc/farkeep/agent.ini")"
[ "$(stat -c '%a %u' "$work/one/var/lib/farkeep")" = "700 990" ] || fail "the state folder: $(stat -c '%a %u' "$work/one/var/lib/farkeep")"
[ ! -e "$work/one/etc/farkeep/token" ] || fail "the token was left lying about"
expect 0 agent_on one backup data
expect 0 agent_on one status
says "deployed by bundle web$"
says "escrow key slot: on the servers since"

note "a second time: nothing changes"
list() { (cd "$work/one" && find etc var/lib/farkeep -type f ! -name control -exec stat -c '%n %i %Y %a %u %g' {} + | sort); }
list >"$work/before"
expect 0 on one sh /root/bundle/install.sh
says "registered already"
list >"$work/after"
cmp "$work/before" "$work/after" || fail "it is not idempotent: $(diff "$work/before" "$work/after")"
[ "$(agents)" = 1 ] || fail "it registered again"

note "drift is seen on the machine and by the kit, and a new installation ends it"
expect 0 farkeep-deploy diff "$web" "$work/one/etc/farkeep/agent.ini"
sed -i 's|^path = /srv/data|path = /srv/data\npath = /srv/more|' "$work/one/etc/farkeep/agent.ini"
expect 1 farkeep-deploy diff "$web" "$work/one/etc/farkeep/agent.ini"
says "\[job data\] path"
line=$(grep -n '^path = /srv/data' "$web/agent.ini" | cut -d: -f1)
says "/srv/more\" ($work/one/etc/farkeep/agent.ini:$line)"
expect 0 agent_on one status --json
says '"deployment":{"bundle":"web","drifted":true}'
expect 0 agent_on one status
says "drifted"
mkdir -p "$work/one/srv/more"
expect 0 agent_on one backup data
within_minutes " drifted$" farkeep-server agents --drifted --data "$work/east"
expect 0 on one sh /root/bundle/install.sh
grep -q /srv/more "$work/one/etc/farkeep/agent.ini.before" || fail "the administrator's changes are gone"
expect 0 agent_on one status
says_not "drifted"
expect 0 agent_on one backup data
within_minutes "No such agent" farkeep-server agents --drifted --data "$work/east"

note "no server: exit 4, and the next try succeeds"
expect 0 agent_on one snapshots --wait-protected
machine two
carry "$web" two
mkdir -m 700 "$work/two/etc/farkeep" "$work/two/var/lib/farkeep"  # by root, ahead of us
server_kill east
server_kill west
expect 4 on two sh /root/bundle/install.sh
says "what to do: have the firewalls opened"
server_up east
server_up west
expect 0 on two sh /root/bundle/install.sh
[ "$(agents)" = 2 ] || fail "there are $(agents) agents"

note "a token that is used up, or has expired: exit 5, in words"
machine three
carry "$web" three
expect 5 on three sh /root/bundle/install.sh
says "the token is used up"
says "what to do: if it is the token: have a new bundle made"
token --expires 1s >"$work/short"
until_then=$(($(date +%s) + 2))
expect 0 farkeep-deploy bundle "$work/profile.ini" --host web3.example.org --token-file "$work/short" --out "$work/bundles"
until [ "$(date +%s)" -gt "$until_then" ]; do sleep 0.2; done
carry "$work/bundles/web3.example.org" three
expect 5 on three sh /root/bundle/install.sh
says "the token expired at"
echo '{"token":"MFRGG43FMZTQ","expires":"2020-01-01T00:00:00Z"}' >"$work/old"
expect 5 farkeep-deploy bundle "$work/profile.ini" --host web4.example.org --token-file "$work/old" --out "$work/bundles"
[ ! -e "$work/bundles/web4.example.org" ] || fail "a bundle with an expired token was made"
token >"$work/three/root/token"
expect 0 on three sh /root/bundle/install.sh --token-file /root/token
farkeep-server agents --data "$work/east" >"$work/out"
says web3.example.org

note "the machine is lost; the organisation recovers it"
id=$(agent_on one status --json | sed -n 's/.*"agent_id":"\([0-9a-f]\{32\}\)".*/\1/p')
[ -n "$id" ] || fail "the agent's id is not known"
mv "$work/one/srv/data" "$work/lost"
rm -rf "$work/one/var/lib/farkeep" "$work/one/srv"
agent_ini new /srv/data
token --recover "$id" >"$work/new.token"
echo "wrong horse" >"$work/wrong"
expect 5 fk new recover --escrow-key-file "$work/escrow.key" --passphrase-file "$work/wrong" --agent "$id"
[ ! -e "$work/new.state/identity" ] || fail "a token was spent on a key that does not open"
expect 2 fk new recover --escrow-key-file "$work/escrow.key" --passphrase-file "$work/passphrase"
expect 0 fk new recover --escrow-key-file "$work/escrow.key" --passphrase-file "$work/passphrase" --agent "$id"
says "restore files that you know"
expect 0 fk new restore latest --target "$work/restored"
same "$work/lost" "$work/restored/srv/data"
farkeep-deploy escrow create --private-key-file "$work/stranger.key" --public-key-file "$work/stranger.pub" --no-passphrase >/dev/null 2>&1
rm -rf "$work/new.state"
token --recover "$id" >"$work/new.token"
expect 1 fk new recover --escrow-key-file "$work/stranger.key" --agent "$id"
says "no key slot for the escrow key"

if command -v dpkg-deb >/dev/null; then
  note "as a package"
  expect 0 farkeep-deploy bundle "$work/profile.ini" --host db1.example.org --out "$work/bundles" --deb
  deb=$(ls "$work"/bundles/farkeep-config-db1.example.org_*_all.deb)
  dpkg-deb -x "$deb" "$work/package"
  expect 0 farkeep-deploy verify "$work/package/usr/share/farkeep/deploy/db1.example.org"
  machine four
  mkdir -p "$work/four/share" "$work/four/var/lib/dpkg/"{info,updates} && : >"$work/four/var/lib/dpkg/status"
  cp "$deb" "$work/four/root/config.deb"
  expect 0 on four dpkg -i /root/config.deb
  says "registered as db1.example.org"
  expect 0 on four dpkg -i /root/config.deb
  says "registered already"
  [ "$(find "$work/four/share/farkeep/deploy/db1.example.org" -type f ! -perm /077 | wc -l)" = 8 ] || fail "others may read the package's bundle"
fi
echo "passed"
