#!/usr/bin/env bash
# Both servers and an agent were off for longer than their certificates live: the servers agree on the time and renew, the agent hears the way out and goes it.
. "$(dirname "$0")/lib.sh" 147

at() { in_future +401d "$@"; }
up() {  # NAME OFFSET: tells a file what people would hear
  in_future "$2" exec farkeep-server run --config "$work/$1.ini" >>"$work/$1.log" 2>&1 &
  pid_of[$1]=$!
  is_there "$1"
}
renewed() {  # NAME DAYS: waits until its certificate lasts so long
  local i
  for i in $(seq 600); do
    [ "$(openssl s_client -connect "$(address_of "$1"):16384" </dev/null 2>/dev/null | openssl x509 -noout -checkend $((86400 * $2)) 2>/dev/null)" = "Certificate will not expire" ] && return 0
    kill -0 "${pid_of[$1]}" 2>/dev/null || fail "the server $1 ended"
    sleep 0.1
  done
  fail "$1 did not renew its certificate"
}
heard() {  # LINE
  local i
  for i in $(seq 1200); do grep -qx "$1" "$work/told" 2>/dev/null && return 0; sleep 0.1; done
  fail "nobody was told '$1': $(cat "$work/told")"
}

mkdir -p "$work/src"
seq 5000 >"$work/src/numbers"
pair_up
agent_up sleeper "$work/src"
expect 0 fk sleeper backup main
id=$(farkeep-server agents --data "$work/east" --json | sed -n 's/.*"agent" *: *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
server_kill east TERM
server_kill west TERM
for name in east west; do
  printf '[server]\ndata = %s\nlisten = %s\n[notify]\ncommand = echo %s $FARKEEP_EVENT >>%s\n' "$work/$name" "$(address_of "$name")" "$name" "$work/told" >"$work/$name.ini"
done

note "one starts and is in doubt, the other one follows: both renew, people hear that it is over, and the agent hears the way out"
up east +401d
at farkeep --config "$work/sleeper.ini" backup main >"$work/out" 2>"$work/err" && fail "a backup to a server whose certificate has expired"
up west +401d
renewed east 410
renewed west 410
expect 5 at farkeep --config "$work/sleeper.ini" backup main
says "farkeep recover --agent"
heard "east failed"
heard "east recovered"
at farkeep-server token create --recover "$id" --data "$work/east" >"$work/recovery.token"
expect 0 at farkeep --config "$work/sleeper.ini" recover --agent "$id" --token-file "$work/recovery.token"
expect 0 at farkeep --config "$work/sleeper.ini" backup main
expect 0 at farkeep --config "$work/sleeper.ini" restore latest --target "$work/restored"
diff -r "$work/src" "$work/restored$work/src" || fail "not what was backed up was restored"

note "one that slept alone hears the time from the other one, which does not know its certificate any more"
server_kill east TERM
server_kill west TERM
expect 0 in_future +810d farkeep-server clock accept --data "$work/west"
up west +810d
renewed west 820
up east +810d
renewed east 820
echo "passed"
