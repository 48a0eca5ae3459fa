#!/usr/bin/env bash
# The way to the servers: shown, tried before it is written, changed under a running daemon, and waited for.
. "$(dirname "$0")/lib.sh" 100
for tool in microsocks socat; do command -v $tool >/dev/null || fail "install the Debian package $tool"; done

fw=127.$net.0.9
mkdir -p "$work/src"
seq 3000 >"$work/src/numbers"
says_not() { ! grep -q -- "$1" "$work/out" "$work/err" || fail "it says '$1': $(cat "$work/out" "$work/err")"; }
listens() {  # ADDRESS PORT
  local i
  for i in $(seq 1200); do
    (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null && return 0
    sleep 0.05
  done
  fail "nothing listens at $1:$2"
}
maps() {  # PORT ADDRESS: the firewall's port leads there
  socat "TCP-LISTEN:$1,bind=$fw,fork,reuseaddr" "TCP:$2:16384" 2>>"$work/socat.log" &
  pid_of[map$1]=$!
  listens "$fw" "$1"
}
log=$work/daemon.log
logged() {
  local i
  for i in $(seq 600); do
    grep -q -- "$1" "$log" && return 0
    kill -0 "${pid_of[farkeepd]}" 2>/dev/null || fail "farkeepd ended: $(cat "$log")"
    sleep 0.05
  done
  fail "the log does not say '$1': $(cat "$log")"
}

pair_up
agent_ini a "$work/src"
token >"$work/a.token"
sed -i 's/^state =/# our own remark\nstate =/; s/^\[job main\]/[connection]\n# direct for now\n#mode = direct\n\n[job main]/' "$work/a.ini"
chmod 640 "$work/a.ini"

note "before registration the registration pair is all that is known"
expect 0 fk a connection show
says "registration, primary"
says_not "your data"
expect 0 fk a register
expect 0 fk a connection show --json
[ "$(grep -o '"destination"' "$work/out" | wc -l)" = 2 ] || fail "a server that is both is listed twice: $(cat "$work/out")"
expect 0 fk a connection test
says "ok     $east:16384"

note "a way that does not work is not written"
before=$(sha256sum <"$work/a.ini")
expect 4 fk a connection set mode=socks socks.proxy="$fw"
says "nothing listens at $fw:1080"
expect 2 fk a connection set mode=sock
expect 2 fk a connection set mode=socks
expect 2 fk a connection set agent.name=x
expect 2 fk a connection set mode
[ "$before" = "$(sha256sum <"$work/a.ini")" ] || fail "the file was changed"

note "one that works is, under a running daemon, and nothing else in the file changes"
echo "schedule = every 4h" >>"$work/a.ini"
cp "$work/a.ini" "$work/before.ini"
farkeepd --config "$work/a.ini" >"$log" 2>&1 &
pid_of[farkeepd]=$!
logged "job main: snapshot"
microsocks -i "$fw" -p 1080 >"$work/socks.log" 2>&1 &
pid_of[socks]=$!
listens "$fw" 1080
expect 0 fk a connection set mode=socks socks.proxy="$fw"
says "and the daemon uses it"
logged "is taken over"
diff "$work/before.ini" "$work/a.ini" >"$work/diff" || true
[ "$(grep -c '^<' "$work/diff" || true)" = 0 ] || fail "lines are gone: $(cat "$work/diff")"
grep -q "our own remark" "$work/a.ini" && grep -q "direct for now" "$work/a.ini" || fail "remarks are gone"
[ "$(stat -c %a "$work/a.ini")" = 640 ] || fail "the mode is $(stat -c %a "$work/a.ini")"
printf '\n[job second]\npath = %s\nschedule = every 1h\n' "$work/src" >>"$work/a.ini"
kill -HUP "${pid_of[farkeepd]}"
logged "job second: snapshot"
grep -q "connected to $east:16384" "$work/socks.log" || fail "the daemon did not go through the proxy: $(cat "$work/socks.log")"

note "setup asks in the order of the page, tries, and writes; or asks nothing"
printf '2\n%s\nnone\n' "$fw" >"$work/answers"
expect 0 farkeep --config "$work/a.ini" setup <"$work/answers"
says "use SOCKS proxy firewall"
printf '9\n2\nno_such_host\n%s:1\nnone\n' "$fw" >"$work/answers"
before=$(sha256sum <"$work/a.ini")
expect 4 farkeep --config "$work/a.ini" setup <"$work/answers"
says "neither an IP address nor a name"
says "nothing was written"
expect 2 farkeep --config "$work/a.ini" setup </dev/null
expect 2 fk a setup --mode direct --proxy "$fw"
[ "$before" = "$(sha256sum <"$work/a.ini")" ] || fail "the file was changed"
expect 0 fk a setup --mode direct
expect 0 fk a setup --mode socks --proxy "$fw"
grep -q "^mode = socks" "$work/a.ini" || fail "setup did not write it"

note "exchanged ports are named, and not written"
maps 40001 "$west"
maps 40002 "$east"
expect 5 fk a connection set mode=mapped "mapped.destination=$east via $fw:40001" "mapped.destination=$west via $fw:40002"
says "the firewall ports of rows 1 and 2 are exchanged"
grep -q "^mode = socks" "$work/a.ini" || fail "it was written"
expect 0 fk a connection set mode=mapped "mapped.destination=$east via $fw:40002" "mapped.destination=$west via $fw:40001"
expect 0 fk a backup main

note "registered, and waiting for the firewall: it goes on when the mapping is there"
kill -TERM "${pid_of[farkeepd]}"
wait "${pid_of[farkeepd]}" || fail "farkeepd did not end cleanly"
data=127.$net.0.12
printf '[server]\nlisten = %s\nlisten = %s\n' "$east" "$data" >"$work/east.ini"
server_kill east TERM
farkeep-server run --config "$work/east.ini" --data "$work/east" >>"$work/east.log" 2>&1 &
pid_of[east]=$!
listens "$data" 16384
farkeep-server directory publish --data "$work/east" --primary "$data" --alternate "127.$net.0.13" --overlap 1s >"$work/publish.log"
agent_ini b "$work/src"
token >"$work/b.token"
printf '[job second]\npath = %s\nschedule = every 4h\n' "$work/src" >>"$work/b.ini"
printf '[connection]\nmode = mapped\n[mapped]\ndestination = %s via %s:40002\ndestination = %s via %s:40001\n' "$east" "$fw" "$west" "$fw" >>"$work/b.ini"
expect 0 fk b register
expect 0 fk b connection map
grep -q "your data, primary *$data:16384 .*NOT MAPPED, needed now" "$work/out" || fail "the table: $(cat "$work/out")"
expect 0 fk b connection map --csv
grep -q "your data, primary.*,$data,16384,TCP,,,\"NOT MAPPED, needed now\"" "$work/out" || fail "the list: $(cat "$work/out")"
expect 0 fk b status
says "waiting for mapping: no firewall port is mapped to $data:16384"
until [ -n "${done_waiting:-}" ]; do  # the addresses before are out of the way after a second
  rc=0
  fk b backup main >"$work/out" 2>"$work/err" || rc=$?
  if [ $rc = 4 ]; then done_waiting=yes; elif [ $rc != 0 ]; then fail "exit code $rc: $(cat "$work/err")"; fi
done
says "no firewall port is mapped to $data:16384"
log=$work/daemon2.log
farkeepd --config "$work/b.ini" >"$log" 2>&1 &
pid_of[farkeepd]=$!
logged "trying again"
maps 40003 "$data"
expect 0 fk b connection set --no-test "mapped.destination=$east via $fw:40002" "mapped.destination=$west via $fw:40001" "mapped.destination=$data via $fw:40003"
logged "job second: snapshot"

note "rules in every language"
for f in nftables iptables firewalld ufw windows pf asa ios squid dante ssh haproxy nginx; do
  expect 0 fk b connection rules --for $f
  says "Farkeep"
done
expect 2 fk b connection rules --for nftable
says "did you mean 'nftables'"
echo "passed"
