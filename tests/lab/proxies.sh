# The ways through a firewall that has the policy `proxy`: each starts its program in the namespace `fw`, or starts it anew, and sets `lines`,
# which is how an agent's configuration says it.  Sourced after lab.sh.
# shellcheck shell=bash disable=SC2154,SC2086,SC2034  # addresses come from lab.sh, `lines` go to the test

socks() { lines=("[connection]" "mode = socks" "[socks]" "proxy = $1" "${@:2}"); }  # PROXY LINE…
http() { lines=("[connection]" "mode = http" "[http]" "proxy = $1" "${@:2}"); }     # PROXY LINE…
# mapping PORT1 PORT2: the primary is behind PORT1.
mapping() { lines=("[connection]" "mode = mapped" "[mapped]" "destination = $east via $name_of_fw:$1" "destination = $west via $name_of_fw:$2"); }

by_dante() {  # NET…: the nets that its rules permit
  local n
  needs danted dante-server
  stop dante
  {
    printf '%s\n' "logoutput: stderr" "internal: $fw port = 1080" "external: site1" "external: site2" "external.rotation: route" \
      "clientmethod: none" "socksmethod: none" "user.privileged: root" "user.unprivileged: nobody" \
      "client pass { from: $lan to: 0/0 }"
    for n in "$@"; do printf 'socks pass {\n from: %s to: %s port = 16384\n protocol: tcp\n command: connect\n}\n' "$lan" "$n"; done
    printf 'socks block {\n from: 0/0 to: 0/0\n}\n'
  } >"$work/danted.conf"
  start dante fw 1080 danted -f "$work/danted.conf" -p "$work/danted.pid"
  socks "$(in_url $fw)"
}
by_microsocks() {
  needs microsocks microsocks
  start microsocks fw 1081 microsocks -i $fw -p 1081
  socks $name_of_fw:1081
}
by_microsocks_login() {
  needs microsocks microsocks
  (umask 077; echo "s3cret of the proxy" >"$work/password")
  start microsocks-login fw 1082 microsocks -i $fw -p 1082 -u backup -P "$(cat "$work/password")"
  socks $fw:1082 "user = backup" "password_file = $work/password"
}
by_ssh() {
  needs sshd openssh-server ssh openssh-client
  ssh-keygen -q -t ed25519 -N '' -f "$work/host-key"
  ssh-keygen -q -t ed25519 -N '' -f "$work/user-key"
  printf '%s\n' "Port 22" "ListenAddress $fw" "HostKey $work/host-key" "AuthorizedKeysFile $work/user-key.pub" "StrictModes no" "UsePAM no" \
    "PidFile none" "PermitRootLogin prohibit-password" "PermitOpen $east:16384 $west:16384" "UseDNS no" >"$work/sshd.conf"
  # It wants a folder /run/sshd, and gets one that only its own view of the file system has.
  start sshd fw 22 sh -c "mount -t tmpfs none /run && mkdir /run/sshd && exec $(command -v sshd) -D -e -f '$work/sshd.conf'"
  start ssh agent 1085 ssh -N -F none -i "$work/user-key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -D 127.0.0.1:1085 root@$fw
  socks 127.0.0.1:1085
}
by_squid() {  # RULE…: its rules about access, in order; "known" is who logged in
  local helper=/usr/lib/squid/basic_ncsa_auth
  needs squid squid openssl openssl
  [ -x $helper ] || fail "$helper is missing: install the Debian package squid"
  install -d -o proxy "$work/squid"
  (umask 077; echo "s3cret of the proxy" >"$work/password")
  echo "backup:$(openssl passwd -apr1 -in "$work/password")" >"$work/users"
  stop squid
  {
    printf '%s\n' "http_port $(in_url $fw):3128" "acl sites dst $net1 $net2" "acl backup_port port 16384" "acl SSL_ports port 443" "acl CONNECT method CONNECT"
    printf '%s\n' "auth_param basic program $helper $work/users" "acl known proxy_auth REQUIRED"
    printf '%s\n' "$@" "http_access deny all"
    printf '%s\n' "cache deny all" "dns_nameservers 127.0.0.1" "visible_hostname fw.lab" "pid_filename none" "access_log none" "netdb_filename none" \
      "cache_log $work/squid/cache.log" "coredump_dir $work/squid" "shutdown_lifetime 0 seconds"
  } >"$work/squid.conf"
  start squid fw 3128 squid -N -f "$work/squid.conf"
  http $name_of_fw
}
by_socat() {
  needs socat socat
  start socat1 fw 40003 socat TCP-LISTEN:40003,bind=$fw,fork,reuseaddr,keepalive TCP:$east:16384,keepalive
  start socat2 fw 40004 socat TCP-LISTEN:40004,bind=$fw,fork,reuseaddr,keepalive TCP:$west:16384,keepalive
  mapping 40003 40004
}
by_haproxy() {
  needs haproxy haproxy
  printf '%s\n' "global" "  maxconn 200" "defaults" "  mode tcp" "  retries 0" "  timeout connect 5s" "  timeout client 1h" "  timeout server 1h" \
    "  option clitcpka" "  option srvtcpka" "listen east" "  bind $fw:40005" "  server s $east:16384" \
    "listen west" "  bind $fw:40006" "  server s $west:16384" >"$work/haproxy.conf"
  start haproxy fw 40006 haproxy -db -f "$work/haproxy.conf"
  mapping 40005 40006
}
by_nginx() {
  local stream=/usr/lib/nginx/modules/ngx_stream_module.so
  needs nginx nginx-light
  [ -e $stream ] || fail "$stream is missing: install the Debian package libnginx-mod-stream"
  cat >"$work/nginx.conf" <<END
load_module $stream;
daemon off; pid $work/nginx.pid; error_log $work/nginx.err; worker_processes 1;
events { worker_connections 128; }
stream {
  proxy_timeout 1h; proxy_connect_timeout 5s;
  server { listen $fw:40007 so_keepalive=on; proxy_socket_keepalive on; proxy_pass $east:16384; }
  server { listen $fw:40008 so_keepalive=on; proxy_socket_keepalive on; proxy_pass $west:16384; }
}
END
  start nginx fw 40008 nginx -c "$work/nginx.conf" -e "$work/nginx.err"
  mapping 40007 40008
}
by_rinetd() {
  needs rinetd rinetd
  printf '%s\n' "$fw 40009 $east 16384" "$fw 40010 $west 16384" >"$work/rinetd.conf"
  start rinetd fw 40010 rinetd -f -c "$work/rinetd.conf"
  mapping 40009 40010
}
