#!/usr/bin/env bash
# Through SOCKS proxies as they are in use, nothing else being permitted; and what is said when one of them says no.
. "$(dirname "$0")/lab.sh"
needs danted dante-server microsocks microsocks sshd openssh-server ssh openssh-client

# dante NET…: the nets that its rules permit.
dante() {
  local n
  stop dante
  {
    printf '%s\n' "logoutput: stderr" "internal: $fw port = 1080" "external: site1" "external: site2" "external.rotation: route" \
      "clientmethod: none" "socksmethod: none" "user.privileged: root" "user.unprivileged: nobody" \
      "client pass { from: 192.168.77.0/24 to: 0.0.0.0/0 }"
    for n in "$@"; do printf 'socks pass {\n from: 192.168.77.0/24 to: %s port = 16384\n protocol: tcp\n command: connect\n}\n' "$n"; done
    printf 'socks block {\n from: 0.0.0.0/0 to: 0.0.0.0/0\n}\n'
  } >"$work/danted.conf"
  start dante fw 1080 danted -f "$work/danted.conf" -p "$work/danted.pid"
}

small_tree
network_up
pair_up
firewall proxy
agent direct "[connection]" "connect_timeout = 1s"
expect 4 fk direct register  # there is no other way
socks=("[connection]" "mode = socks" "[socks]")

dante $net1 $net2
journey dante-5 "${socks[@]}" "proxy = $fw"
journey dante-4 "${socks[@]}" "proxy = $name_of_fw:1080" "version = 4"

start microsocks fw 1081 microsocks -i $fw -p 1081
journey microsocks "${socks[@]}" "proxy = $name_of_fw:1081"

echo "s3cret of the proxy" >"$work/password"
start microsocks-login fw 1082 microsocks -i $fw -p 1082 -u backup -P "s3cret of the proxy"
journey microsocks-login "${socks[@]}" "proxy = $fw:1082" "user = backup" "password_file = $work/password"

ssh-keygen -q -t ed25519 -N '' -f "$work/host-key"
ssh-keygen -q -t ed25519 -N '' -f "$work/user-key"
printf '%s\n' "Port 22" "ListenAddress $fw" "HostKey $work/host-key" "AuthorizedKeysFile $work/user-key.pub" "StrictModes no" "UsePAM no" \
  "PidFile none" "PermitRootLogin prohibit-password" "PermitOpen $east:16384 $west:16384" "UseDNS no" >"$work/sshd.conf"
# It wants a folder /run/sshd, and gets one that only its own view of the file system has.
start sshd fw 22 sh -c "mount -t tmpfs none /run && mkdir /run/sshd && exec $(command -v sshd) -D -e -f '$work/sshd.conf'"
start ssh agent 1085 ssh -N -F none -i "$work/user-key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -D 127.0.0.1:1085 root@$fw
journey ssh-D "${socks[@]}" "proxy = 127.0.0.1:1085"

note "a wrong password: exit 5, and nobody retries with another server"
echo "wrong" >"$work/password"
agent wrong "${socks[@]}" "proxy = $fw:1082" "user = backup" "password_file = $work/password"
expect 5 fk wrong register
says "SOCKS proxy $fw:1082 refused the user \"backup\" or the password; the servers were not contacted"
expect 5 fk microsocks-login backup main -v
says "refused the user \"backup\" or the password"
[ "$(grep -c "^farkeep: .*$fw:1082" "$work/err")" = 1 ] || fail "the proxy is not named in the last line: $(cat "$work/err")"
! grep -q "$west.*$east\|$east.*$west" "$work/err" || fail "both servers were tried through the same proxy: $(cat "$work/err")"

note "a login is demanded and none is configured: exit 5"
agent none "${socks[@]}" "proxy = $fw:1082"
expect 5 fk none register
says "SOCKS proxy $fw:1082 demands a login, and none is configured"

note "a rule that forbids the primary's net: the alternate is used, and the rule is named"
dante $net2
agent over-west "${socks[@]}" "proxy = $fw"
west_token over-west
expect 0 fk over-west register
expect 0 fk over-west backup main -v
grep -q "received by west" "$work/out" || fail "the alternate was not used: $(cat "$work/out")"
says "the rules of the SOCKS proxy $fw:1080 do not permit $east:16384"

note "a proxy that is stopped: exit 4, and it is named as it was written"
stop dante
expect 4 fk dante-4 backup main
says "nothing listens at $name_of_fw:1080"

note "a proxy whose name is unknown: exit 4"
agent nowhere "${socks[@]}" "proxy = nowhere.example.net"
expect 4 fk nowhere register
says "the name nowhere.example.net of the SOCKS proxy cannot be resolved"
passed
