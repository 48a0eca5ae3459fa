# What the lab tests share.  Sourced with: . lab.sh
# A network of this test's own, in namespaces that nothing else sees; the machine's own network stays as it is, and there is no way out.
#
#   agent 192.168.77.2 --- 192.168.77.1 fw 204.164.111.62 --- 204.164.111.10 east   the primary's site
#                                       fw 140.239.229.62 --- 140.239.229.10 west   the alternate's site
#                                                 east === west                     a line of their own, for the mirror
# shellcheck shell=bash
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "SKIPPED: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v ip >/dev/null || skip "network namespaces need the package iproute2"
{ ip netns add "fk$$probe" && ip netns del "fk$$probe"; } 2>/dev/null || skip "no network namespace can be made here"

# shellcheck source=../e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh" 0
family=ip lan=192.168.77.0/24 fw=192.168.77.1 here=192.168.77.2
net1=204.164.111.0/26 gate1=204.164.111.62 east=204.164.111.10
net2=140.239.229.0/26 gate2=140.239.229.62 west=140.239.229.10
line1=10.0.0.1/30 line2=10.0.0.2/30
name_of_fw=fw.example.net  # in the agent's /etc/hosts only
chmod 711 "$work"                          # proxies give up root

# needs PROGRAM PACKAGE…: a proxy that is not there is no reason to skip.
needs() {
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null || fail "$1 is missing: install the Debian package $2"
    shift 2
  done
}
needs nft nftables conntrack conntrack rsync rsync

# --- the network

# ipv6_only: the same network without one IPv4 address (RFC 3849), if it is said before network_up.
ipv6_only() {
  family=ip6 lan=2001:db8:77::/64 fw=2001:db8:77::1 here=2001:db8:77::2
  net1=2001:db8:1::/64 gate1=2001:db8:1::1 east=2001:db8:1::10
  net2=2001:db8:2::/64 gate2=2001:db8:2::1 west=2001:db8:2::10
  line1=2001:db8:3::1/64 line2=2001:db8:3::2/64
}
in_url() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }  # ADDRESS: as it stands before a port

at() { local place=$1; shift; ip netns exec "fk$$$place" "$@"; }  # PLACE COMMAND…

cable() {  # PLACE1 DEVICE1 ADDRESS1 PLACE2 DEVICE2 ADDRESS2
  ip -n "fk$$$1" link add "$2" type veth peer name "$5" netns "fk$$$4"
  ip -n "fk$$$1" addr add "$3" dev "$2"
  ip -n "fk$$$4" addr add "$6" dev "$5"
  ip -n "fk$$$1" link set "$2" up
  ip -n "fk$$$4" link set "$5" up
}

network_up() {
  local place
  # What `ip netns exec` lays over /etc.  Another test may remove the folder that it finds empty.
  for _ in 1 2 3; do ! mkdir -p "/etc/netns/fk$$agent" || break; done
  printf '127.0.0.1 localhost\n%s %s\n' "$fw" "$name_of_fw" >"/etc/netns/fk$$agent/hosts"
  printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$fw" >"/etc/netns/fk$$agent/resolv.conf"
  for place in agent fw east west; do
    ip netns add "fk$$$place"
    if [ $family = ip ]; then
      at $place sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1  # the kernel's own chatter
    else
      at $place sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0  # nobody has to wait for an address
    fi
    ip -n "fk$$$place" link set lo up
  done
  cable fw lan $fw/${lan#*/} agent eth0 $here/${lan#*/}
  cable fw site1 $gate1/${net1#*/} east eth0 $east/${net1#*/}
  cable fw site2 $gate2/${net2#*/} west eth0 $west/${net2#*/}
  cable east mirror $line1 west mirror $line2
  ip -n "fk$$agent" route add default via $fw
  ip -n "fk$$east" route add default via $gate1
  ip -n "fk$$west" route add default via $gate2
  ip -n "fk$$east" route add $net2 via ${line2%/*} src $east
  ip -n "fk$$west" route add $net1 via ${line1%/*} src $west
  at fw sysctl -qw net.ipv4.ip_forward=1
  [ $family = ip ] || at fw sysctl -qw net.ipv6.conf.all.forwarding=1
  firewall none
}

lab_down() {
  local name place pid
  for name in "${!pid_of[@]}"; do stop "$name"; done
  for place in agent fw east west; do
    for pid in $(ip netns pids "fk$$$place" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done  # children of what was started
    ip netns del "fk$$$place" 2>/dev/null
  done
  rm -rf "/etc/netns/fk$$agent"
  rmdir /etc/netns 2>/dev/null
}
trap 'rc=$?; set +e; lab_down; (exit $rc); cleanup' EXIT

# start NAME PLACE PORT COMMAND…: runs until `stop NAME`, and listens on PORT by the time this returns; "-": it listens on nothing.
start() {
  local name=$1 place=$2 port=$3
  shift 3
  [ "$port" = - ] || [ -z "$(at "$place" ss -Hltn "sport = :$port")" ] || fail "before $name starts, something else listens on port $port"
  ip netns exec "fk$$$place" setsid "$@" >>"$work/$name.log" 2>&1 </dev/null &
  pid_of[$name]=$!
  [ "$port" != - ] || return 0
  for _ in $(seq 400); do
    [ -z "$(at "$place" ss -Hltn "sport = :$port")" ] || return 0
    kill -0 "${pid_of[$name]}" 2>/dev/null || break
    sleep 0.05
  done
  fail "$name does not listen on port $port: $(tail -n 3 "$work/$name.log")"
}
stop() {  # NAME: it and its children
  local pid=${pid_of[$1]:-}
  [ -n "$pid" ] || return 0
  unset "pid_of[$1]"
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  kill -KILL -- "-$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# --- the firewall

# firewall POLICY: in place of the last one; all of them forbid what they do not permit, and forget old connections.
firewall() {
  local n
  at fw nft flush ruleset
  if [ -n "${legacy_used:-}" ]; then
    for n in INPUT FORWARD OUTPUT; do at fw iptables-legacy -P $n ACCEPT; done
    at fw iptables-legacy -F
    at fw iptables-legacy -X
  fi
  tables=  # the program that outages are told to; none: nft
  case $1 in
    iptables | stateless | literal) tables=iptables; iptables_base ;;
    iptables-legacy) legacy_used=1 tables=iptables-legacy; iptables_base ;;
    *) nft_base ;;
  esac
  case $1 in
    none) ;;
    nft) at fw nft -f - <<<"table inet fw {
      set sites { type ipv4_addr; flags interval; elements = { $net1, $net2 }; }
      chain forward {
        ip daddr @sites tcp dport 16384 ct state new,established accept
        ip saddr @sites tcp sport 16384 ct state established accept
      }
    }" ;;
    iptables | iptables-legacy) for n in $net1 $net2; do
        at fw $tables -A FORWARD -p tcp -d "$n" --dport 16384 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
        at fw $tables -A FORWARD -p tcp -s "$n" --sport 16384 -m conntrack --ctstate ESTABLISHED -j ACCEPT
      done ;;
    stateless | literal) for n in $net1 $net2; do  # literal: replies only to the ports that old systems chose from
        at fw iptables -A FORWARD -p tcp -d "$n" --dport 16384 -j ACCEPT
        at fw iptables -A FORWARD -p tcp -s "$n" --sport 16384 --dport 1024:"$([ "$1" = literal ] && echo 5000 || echo 65535)" ! --syn -j ACCEPT
      done ;;
    proxy) at fw nft -f - <<<"table inet fw {
      chain input {
        iifname lan tcp dport { 22, 1080-1089, 3128, 40001-40019 } ct state new,established accept
        $family saddr { $net1, $net2 } tcp sport 16384 ct state established accept
      }
      chain output {
        $family daddr { $net1, $net2 } tcp dport 16384 ct state new,established accept
      }
    }" ;;
    dnat) at fw nft -f - <<<"table ip mapped {
      chain pre {
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr $fw tcp dport 40001 dnat to $east:16384
        ip daddr $fw tcp dport 40002 dnat to $west:16384
      }
      chain post {
        type nat hook postrouting priority srcnat; policy accept;
        ct status dnat masquerade
      }
    }
    table inet fw {
      chain forward {
        ct status dnat tcp dport 16384 ct state new,established accept
        ct status dnat tcp sport 16384 ct state established accept
      }
    }" ;;
    *) fail "no policy is called $1" ;;
  esac
  at fw conntrack -F 2>/dev/null
}
nft_base() {
  local neighbours="icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;"  # without them there is no IPv6
  at fw nft -f - <<<"table inet fw {
    chain input { type filter hook input priority 0; policy drop; iif lo accept; $neighbours }
    chain forward { type filter hook forward priority 0; policy drop; }
    chain output { type filter hook output priority 0; policy drop; oif lo accept; oifname lan accept; $neighbours }
  }"
}
iptables_base() {
  local chain
  for chain in INPUT FORWARD OUTPUT; do at fw "$tables" -P $chain DROP; done
  at fw "$tables" -A OUTPUT -o lan -j ACCEPT  # its own refusals
  at fw "$tables" -N CLOSED
  at fw "$tables" -A FORWARD -j CLOSED
}

# closed drop|refuse NET…: TCP to the servers in these nets, running connections too; whatever the policy permits.  In the policy's own language.
closed() {
  local how=drop nets n
  if [ -n "$tables" ]; then
    opened
    how="-j DROP"
    [ "$1" = drop ] || how="-j REJECT --reject-with tcp-reset"
    shift
    for n in "$@"; do
      # shellcheck disable=SC2086
      at fw "$tables" -A CLOSED -p tcp -d "$n" --dport 16384 $how
      at fw "$tables" -A CLOSED -p tcp -s "$n" --sport 16384 -j DROP
    done
    return
  fi
  [ "$1" = drop ] || how="reject with tcp reset"
  shift
  nets=$(IFS=,; echo "$*")
  at fw nft -f - <<<"table inet closed; delete table inet closed; table inet closed {
    chain forward {
      type filter hook forward priority -10; policy accept;
      $family daddr { $nets } tcp dport 16384 $how
      $family saddr { $nets } tcp sport 16384 drop
    }
    chain output {
      type filter hook output priority -10; policy accept;
      $family daddr { $nets } tcp dport 16384 $how
    }
  }"
}
others_pass() {  # as in a filter that closes just what it does not like: the policy permits all that is not closed
  if [ -n "$tables" ]; then at fw "$tables" -A FORWARD -j ACCEPT; else at fw nft add rule inet fw forward accept; fi
}
opened() {
  if [ -n "$tables" ]; then at fw "$tables" -F CLOSED; else at fw nft -f - <<<"table inet closed; delete table inet closed;"; fi
}

# --- programs

server_up() { start "$1" "$1" 16384 farkeep-server run --data "$work/$1"; }
pair_up() {
  at east farkeep-server init --data "$work/east" --name east --address "$east" >"$work/init.log" 2>&1
  server_up east
  farkeep-server invite --data "$work/east" >"$work/invitation"
  at west farkeep-server init --data "$work/west" --name west --address "$west" --invite "$work/invitation" >>"$work/init.log" 2>&1
  server_up west
  farkeep-server account add test --data "$work/east" >>"$work/init.log" 2>&1
}
fk() { local name=$1; shift; at agent farkeep --config "$work/$name.ini" "$@"; }

# agent NAME LINE…: the configuration of an agent that is not registered yet; the lines say how it connects.
agent() {
  local name=$1
  shift
  agent_ini "$name" "$work/src"
  printf '%s\n' "$@" >>"$work/$name.ini"
  (umask 077; token --expires 1h >"$work/$name.token")
}
# A token is good only where it was made; this one is for an agent that can reach just the alternate.
west_token() { (umask 077; farkeep-server token create --account test --data "$work/west" >"$work/$1.token"); }  # NAME
# journey NAME LINE…: a new agent registers and backs up over the primary, and restores the same over the alternate.
journey() {
  local name=$1 from=$EPOCHREALTIME
  agent "$@"
  expect 0 fk "$name" register
  expect 0 fk "$name" backup main
  grep -q "received by east" "$work/out" || fail "the backup did not go to the primary: $(cat "$work/out")"
  expect 0 fk "$name" snapshots --wait-protected
  closed refuse $net1
  expect 0 fk "$name" restore latest --target "$work/$name.restored"
  grep -q "from west" "$work/out" || fail "the restore did not come from the alternate: $(cat "$work/out")"
  opened
  same "$work/src" "$work/$name.restored$work/src"
  rm -rf "$work/$name.restored"
  note "$name: registered, backed up, restored in $(since "$from") s"
}
# says WORDS: the command that `expect` ran last told its user so.
says() { grep -qF -- "$1" <<<"$(tr '\n' ' ' <"$work/err")" || fail "the message does not say '$1': $(cat "$work/err")"; }
# doctor NAME RC FINDING WORDS…: its verdict for this agent, for people and for programs.
doctor() {
  local name=$1 rc=$2 finding=$3 words
  shift 3
  expect "$rc" fk "$name" doctor --json
  grep -qF "\"finding\":\"$finding\"" <<<"$(tail -n 1 "$work/out")" || fail "the finding is not $finding: $(cat "$work/out")"
  for words in "$@"; do grep -qF -- "$words" <<<"$(tail -n 1 "$work/out")" || fail "it does not say '$words': $(tail -n 1 "$work/out")"; done
  note "$finding: $(tail -n 1 "$work/out" | grep -o '"sentence":"[^"]*"' | cut -d '"' -f 4 | cut -c 1-110)"
}
# until_log NAME WORDS SECONDS: what was started under this name logs them.
until_log() {
  local i
  for ((i = 0; i < $3 * 20; i++)); do
    grep -qF -- "$2" "$work/$1.log" 2>/dev/null && return 0
    kill -0 "${pid_of[$1]}" 2>/dev/null || fail "$1 ended: $(tail -n 5 "$work/$1.log")"
    sleep 0.05
  done
  fail "$1 does not say '$2' within $3 s: $(cat "$work/$1.log")"
}
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

small_tree() {  # 300 files, 20 MB
  mkdir -p "$work/src/folder"
  (cd "$work/src/folder" && head -c 21000000 /dev/urandom | split -a 3 -b 70000 - file)
  ln -s ../nowhere "$work/src/dangling"
  ln "$work/src/folder/fileaaa" "$work/src/again"
}
passed() { echo "passed in $SECONDS s"; }
