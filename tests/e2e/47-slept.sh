#!/usr/bin/env bash
# Both servers and an agent were off for longer than their certificates live: the servers agree on the time and renew, the agent hears the way out and goes it.
. "$(dirname "$0")/lib.sh" 147

at() { in_future +401d "$@"; }

mkdir -p "$work/src"
seq 5000 >"$work/src/numbers"
pair_up
agent_up sleeper "$work/src"
expect 0 fk sleeper backup main
id=$(farkeep-server agents --data "$work/east" --json | sed -n 's/.*"agent" *: *"\([0-9a-f]\{32\}\)".*/\1/p' | head -n 1)
note "the servers renew, and the agent hears the way out"
servers_at +401d
expect 5 at farkeep --config "$work/sleeper.ini" backup main
says "farkeep recover --agent"
renewed() { [ "$(openssl s_client -connect "$1:16384" </dev/null 2>/dev/null | openssl x509 -noout -checkend $((86400 * 410)) 2>/dev/null)" = "Certificate will not expire" ]; }
for name in $east $west; do
  for i in $(seq 300); do renewed "$name" && break; sleep 0.1; done
  renewed "$name" || fail "$name did not renew its certificate"
done
at farkeep-server token create --recover "$id" --data "$work/east" >"$work/recovery.token"
expect 0 at farkeep --config "$work/sleeper.ini" recover --agent "$id" --token-file "$work/recovery.token"
expect 0 at farkeep --config "$work/sleeper.ini" backup main
expect 0 at farkeep --config "$work/sleeper.ini" restore latest --target "$work/restored"
diff -r "$work/src" "$work/restored$work/src" || fail "not what was backed up was restored"
echo "passed"
