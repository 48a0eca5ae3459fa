#!/usr/bin/env bash
# Through an HTTP proxy that permits CONNECT to port 16384, with and without a login; and what its refusals are called.
. "$(dirname "$0")/lab.sh"
needs squid squid openssl openssl

# squid RULE…: its rules about access, in order.
squid_with() {
  stop squid
  {
    printf '%s\n' "http_port $fw:3128" "acl sites dst $net1 $net2" "acl backup_port port 16384" "acl SSL_ports port 443" "acl CONNECT method CONNECT"
    printf '%s\n' "auth_param basic program $helper $work/users" "acl known proxy_auth REQUIRED"
    printf '%s\n' "$@" "http_access deny all"
    printf '%s\n' "cache deny all" "dns_nameservers 127.0.0.1" "visible_hostname fw.lab" "pid_filename none" "access_log none" "netdb_filename none" \
      "cache_log $work/squid/cache.log" "coredump_dir $work/squid" "shutdown_lifetime 0 seconds"
  } >"$work/squid.conf"
  start squid fw 3128 squid -N -f "$work/squid.conf"
}
helper=/usr/lib/squid/basic_ncsa_auth
[ -x $helper ] || fail "$helper is missing: install the Debian package squid"
install -d -o proxy "$work/squid"
echo "s3cret of the proxy" >"$work/password"
echo "backup:$(openssl passwd -apr1 -in "$work/password")" >"$work/users"

small_tree
network_up
pair_up
firewall proxy
http=("[connection]" "mode = http" "[http]" "proxy = $name_of_fw")

squid_with "http_access allow CONNECT sites backup_port" "http_access deny CONNECT !SSL_ports"
journey connect "${http[@]}"

note "the stock rules alone permit no port but 443: exit 4, and the rule that is missing"
squid_with "http_access deny CONNECT !SSL_ports"
agent stock "${http[@]}"
expect 4 fk stock register
says "the rules of the HTTP proxy $name_of_fw:3128 do not permit $east:16384"
says "permit TCP CONNECT to $east port 16384"

squid_with "http_access allow CONNECT sites backup_port known"
journey login "${http[@]}" "user = backup" "password_file = $work/password"

note "a wrong password, or none: exit 5"
echo "wrong" >"$work/wrong"
agent wrong "${http[@]}" "user = backup" "password_file = $work/wrong"
expect 5 fk wrong register
says "HTTP proxy $name_of_fw:3128 refused the user \"backup\" or the password; the servers were not contacted"
agent none "${http[@]}"
expect 5 fk none register
says "HTTP proxy $name_of_fw:3128 demands a login, and none is configured"

note "a server that refuses the proxy: exit 4, and who refused whom"
closed refuse $net1 $net2
expect 4 fk login backup main
says "the HTTP proxy $name_of_fw:3128 was refused by $east:16384"
opened

note "SOCKS spoken to an HTTP proxy: exit 4, and what it may be"
agent socks "[connection]" "mode = socks" "[socks]" "proxy = $fw:3128"
expect 4 fk socks register
says "it may be an HTTP proxy"

note "a proxy that is stopped: exit 4"
stop squid
expect 4 fk login backup main
says "nothing listens at $name_of_fw:3128"
passed
