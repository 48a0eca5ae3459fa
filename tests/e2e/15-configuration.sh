#!/usr/bin/env bash
# One configuration from several files: checked, shown with its places, generated, and never edited where another file decides.
. "$(dirname "$0")/lib.sh" 117
config=$(dirname "$0")/../../config
says_not() { ! grep -q -- "$1" "$work/out" "$work/err" || fail "it says '$1': $(cat "$work/out" "$work/err")"; }

farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
agent_ini a /etc
sed -i 's/^\[agent\]/[include]\nfile = jobs\/*.ini\n\n[agent]/; s/^token_file.*/token = hunter2/' "$work/a.ini"
chmod 600 "$work/a.ini"
mkdir "$work/jobs" "$work/a.ini.d"
printf '[job home]\npath = /home\nexclude = *.tmp\n' >"$work/jobs/home.ini"
printf '[job home]\nexclude =\nexclude = *.bak\n[connection]\nmode = direct\n' >"$work/a.ini.d/local.ini"
printf 'not this one' >"$work/a.ini.d/local.ini.old"

note "what is in force, and where it stands"
expect 0 fk a config check
says "is right: 3 files, 2 jobs, 2 registration servers"
says_not "a warning"
expect 0 fk a config show
says "^path = /home  # $work/jobs/home.ini:2$"
says "^exclude = \*.bak  # $work/a.ini.d/local.ini:3$"
says "^token = (hidden)  # $work/a.ini:12$"
says_not "tmp$\|hunter2\|# default"
expect 0 fk a config show --all
says "^connect_timeout = 10s  # default$"
expect 0 fk a config show --all --json
grep -q '"value":"\*.bak".*"line":3' <<<"$(grep '"key":"exclude"' "$work/out" | grep '"name":"home"')" || fail "no object for exclude: $(cat "$work/out")"
says_not hunter2
chmod 644 "$work/a.ini"
expect 0 fk a config check
says "a.ini:12: token stands in a file that everybody on this machine may read: chmod o-r"
chmod 600 "$work/a.ini"

note "all mistakes of all files, each at its place"
printf '[job home]\npaht = /srv\n' >"$work/jobs/wrong.ini"
printf '[agent]\nlog_level = loud\n' >"$work/a.ini.d/wrong.ini"
mkdir "$work/a.ini.d/folder.ini"
expect 2 fk a config check
says "^$work/jobs/wrong.ini:2: unknown key \"paht\" in \[job\]: did you mean path?"
says "^$work/a.ini.d/wrong.ini:2: log_level: "
says "^$work/a.ini.d/folder.ini: the file cannot be read: Is a directory"
expect 2 fk a config check --json
[ "$(grep -c '"message_type":"mistake"' "$work/out")" = 3 ] || fail "not three mistakes: $(cat "$work/out")"
grep -q '"message_type":"config".*"mistakes":3' "$work/out" || fail "no sum: $(cat "$work/out")"
expect 2 fk a config show
expect 2 fk a jobs
says "3 mistakes, the first in $work/jobs/wrong.ini:2"
rm -r "$work/jobs/wrong.ini" "$work/a.ini.d/wrong.ini" "$work/a.ini.d/folder.ini"
ln -s ../a.ini "$work/jobs/main.ini"
expect 2 fk a config check
says "^$work/a.ini:2: file: $work/jobs/main.ini: the files include one another in a circle: $work/a.ini:2 -> $work/jobs/main.ini, which is $work/a.ini\$"
rm "$work/jobs/main.ini"
sed -i 's|^ca_file.*|ca_file = /gone.pem|; ' "$work/a.ini"
printf '[job home]\nexclude_file = /gone\n' >"$work/jobs/more.ini"
expect 2 fk a config check
says "^$work/a.ini:11: .*/gone.pem"
says "^$work/jobs/more.ini:2: .*/gone does not exist"
rm "$work/jobs/more.ini"
sed -i "s|^ca_file.*|ca_file = $work/east/ca.pem|" "$work/a.ini"
expect 0 fk a config check

note "a change that another file outweighs is not written"
before=$(sha256sum <"$work/a.ini")
expect 2 fk a connection set --no-test mode=socks "socks.proxy=127.$net.0.9"
says "$work/a.ini.d/local.ini:5 has a say in it"
printf '[mapped]\ndestination = %s via fw.example.net:40001\n' "$east" >"$work/jobs/mapped.ini"
expect 2 fk a connection set --no-test "mapped.destination=$west via fw.example.net:40002"
says "$work/jobs/mapped.ini:2 has a say in it"
expect 2 fk a connection set --no-test mapped.destination=
says "$work/jobs/mapped.ini:2 has a say in it"
printf '[mapped]\ndestination =\n' >"$work/a.ini.d/nothing.ini"
expect 2 fk a connection set --no-test "mapped.destination=$west via fw.example.net:40002"
says "has a say in it"
expect 2 farkeep --config "$work/a.ini" setup --no-test --mode http --proxy "127.$net.0.9"
[ "$before" = "$(sha256sum <"$work/a.ini")" ] || fail "the file was changed"
rm "$work/jobs/mapped.ini" "$work/a.ini.d/nothing.ini"
printf '[connection]\nmode = mapped\n' >"$work/jobs/mode.ini"  # which the main file outweighs
rm "$work/a.ini.d/local.ini"
expect 0 fk a connection set --no-test mode=socks "socks.proxy=127.$net.0.9"
expect 0 fk a config show
says "^mode = socks  # $work/a.ini:"
expect 0 fk a connection set --no-test mode=socks connection.connect_timeout=5s

note "generated files"
expect 0 farkeep config generate
cmp "$work/out" "$config/agent.ini" || fail "it is not config/agent.ini"
expect 0 farkeep-server config generate
cmp "$work/out" "$config/server.ini" || fail "it is not config/server.ini"
expect 0 farkeep config generate --minimal
sed "s|/etc/farkeep/ca.pem|$work/east/ca.pem|" "$work/out" >"$work/m.ini"
expect 0 fk m config check
expect 0 farkeep-server config generate --minimal
says "every key has a default"
expect 2 farkeep config generate extra

note "the server's, in the same way"
printf '[server]\nname = dc1\nlisten = %s\n' "$east" >"$work/s.ini"
mkdir "$work/s.ini.d"
printf '[server]\nlisten =\nlisten = %s\n' "$west" >"$work/s.ini.d/a.ini"
expect 0 farkeep-server --config "$work/s.ini" config check
says "fine, with 1 further files"
expect 0 farkeep-server --config "$work/s.ini" config show --all
says "^listen = $west  # $work/s.ini.d/a.ini:3$"
says "^segment_size = 16MiB  # default$"
says_not "^listen = $east"
farkeep-server run --config "$work/s.ini" --data "$work/east" >"$work/server.log" 2>&1 &
pid_of[west]=$!
for i in $(seq 1200); do grep -q "listens on $west:16384" "$work/server.log" && break; sleep 0.05; done
grep -q "listens on $west:16384" "$work/server.log" || fail "the server does not use its drop-in: $(cat "$work/server.log")"

note "a running server takes changed files over, and keeps the old settings when they are wrong"
until_log() {
  for i in $(seq 1200); do grep -q -- "$1" "$work/server.log" && return 0; sleep 0.05; done
  fail "the server's log does not say '$1': $(cat "$work/server.log")"
}
printf '[server]\nlog_levle = debug\n' >"$work/s.ini.d/b.ini"
kill -HUP "${pid_of[west]}"
until_log "$work/s.ini.d/b.ini:2: unknown key \"log_levle\" in \[server\]: did you mean log_level?"
until_log "a mistake in $work/s.ini.d/b.ini:2; the old configuration stays"
printf '[server]\nlog_level = debug\nlisten = 127.%s.0.4\nmetrics_listen = %s:9464\n' "$net" "$west" >"$work/s.ini.d/b.ini"
! grep -q " is taken over" "$work/server.log" || fail "it took over what is wrong: $(cat "$work/server.log")"
kill -HUP "${pid_of[west]}"
until_log "the configuration $work/s.ini is taken over"
until_log "\[server\] listen, \[server\] metrics_listen changed; takes effect at the next start"
(exec 3<>"/dev/tcp/$west/16384") || fail "the server does not listen any more where it did"
! (exec 3<>"/dev/tcp/127.$net.0.4/16384") 2>/dev/null || fail "the server listens anew without a restart"
printf '[server]\nlog_format = json\n' >"$work/s.ini.d/b.ini"
kill -HUP "${pid_of[west]}"
until_log '^{"time":"[^"]*","level":"info","message":"the configuration [^"]* is taken over"}$'
[ "$(grep -c "next start" "$work/server.log")" = 1 ] || fail "it speaks of a restart although the old addresses are back: $(cat "$work/server.log")"
rm "$work/s.ini.d/b.ini"
kill -TERM "${pid_of[west]}"
wait "${pid_of[west]}" || fail "the server did not end cleanly: $(cat "$work/server.log")"
unset "pid_of[west]"
printf '[server]\nlisten = here\n' >"$work/s.ini.d/a.ini"
expect 2 farkeep-server --config "$work/s.ini" config check --json
says '"file":"[^"]*/s.ini.d/a.ini".*"line":2\|"line":2'
expect 2 farkeep-server run --config "$work/s.ini" --data "$work/east"
says "$work/s.ini.d/a.ini:2: listen: "
expect 2 farkeep-server --config "$work/none.ini" config check
says "none.ini: there is no such file (name it with --config)"
echo "passed"
