#!/usr/bin/env bash
# Whatever the way out, the firewall closes one net, then both, then the port, in the middle of a backup, and opens again: the daemon finishes by
# itself, with one whole snapshot; and while it is closed the doctor says what is closed.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/proxies.sh"
. "$(dirname "$0")/outages.sh"

# way POLICY [COMMAND…]: how agents get out from now on.
way() {
  firewall "$1"
  narrow 24mbit
  lines=("[connection]" "mode = direct")
  [ $# = 1 ] || "${@:2}"
}
# closing NAME HOW FINDING FINDING-BOTH: how the primary's net is closed, and which words the doctor has for that, and for both nets.
closing() {
  local name=$1 how=$2 from took permit who="" port=("refuse" "$4")
  case ${lines[1]} in
    *direct) permit="permit TCP to" port=("drop" port_closed) ;;
    *mapped) permit="permit TCP from the firewall to" who="firewall administrator" ;;
    *) lines+=("reply_timeout = 5s") permit="permit TCP from the proxy to" ;;
  esac
  [ "$4" != closed ] || permit="permit TCP CONNECT to"  # ssh does not say whether it is its own rules or what is behind it
  daemon "$name" "${lines[@]:0:2}" "connect_timeout = 2s" "progress_timeout = 5s" "${lines[@]:2}"
  flows "$name" east 2 10
  from=$EPOCHREALTIME
  closed "$how" $net1
  flows "$name" west 1 25
  took=$(since "$from")
  closed refuse $net1 $net2
  until_log "daemon-$name" "no server serves; trying again" 30
  doctor "$name" 4 "$4" "$who" "$permit $net1 and $net2 port 16384"
  [ "${port[0]}" = refuse ] || others_pass
  closed "${port[0]}" 0.0.0.0/0
  doctor "$name" 4 "${port[1]}" "$who" "$permit $net1 and $net2 port 16384"
  ! grep -q "job main: snapshot" "$work/daemon-$name.log" || fail "the run was over before it could be interrupted"
  wide
  from=$EPOCHREALTIME
  closed "$how" $net1
  doctor "$name" 4 "$3" "$who" "$permit $net1 port 16384"
  ! grep -qF "$net2" <<<"$(tail -n 1 "$work/out")" || fail "a net that is open is named: $(tail -n 1 "$work/out")"
  opened
  finished "$name"
  note "$name: primary's net closed ($how): $took s until it flows to the alternate; open again: $(since "$from") s until finished, checked, restored"
}

mkdir -p "$work/src"
head -c 12M /dev/urandom >"$work/src/noise"
network_up
pair_up
farkeep-server directory publish --data "$work/east" --primary-subnet $net1 --alternate-subnet $net2 >"$work/publish.log"

way nft
closing nft drop one_net_closed all_refused
for policy in iptables iptables-legacy stateless; do
  if [ $policy = iptables-legacy ] && ! at fw iptables-legacy -L -n >/dev/null 2>&1; then
    note "this kernel has no tables for iptables-legacy: left out"
    continue
  fi
  way $policy
  closing $policy refuse one_server_refuses all_refused
done

way proxy by_dante $net1 $net2
closing dante drop behind_silent behind_refused
way proxy by_microsocks
closing microsocks refuse behind_refused behind_refused
way proxy by_microsocks_login
closing microsocks-login refuse behind_refused behind_refused
way proxy by_ssh
closing ssh-D refuse closed closed
way proxy by_squid "http_access allow CONNECT sites backup_port"
closing squid drop behind_silent behind_refused

way dnat mapping 40001 40002
closing dnat drop no_answer refused
way proxy by_socat
closing socat drop nothing_behind_mapping nothing_behind_mapping
way proxy by_haproxy
closing haproxy drop nothing_behind_mapping nothing_behind_mapping
way proxy by_nginx
closing nginx refuse nothing_behind_mapping nothing_behind_mapping
way proxy by_rinetd
closing rinetd refuse nothing_behind_mapping nothing_behind_mapping
passed
