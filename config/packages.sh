#!/usr/bin/env bash
# Installs the Debian packages that building and testing need; nothing when they are there.  Sourced or run.  Knows Debian 12 and 13, and what came between (Ubuntu 24.04).
#   config/packages.sh build | package | test
set -euo pipefail

farkeep_release() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

# Debian 12 has two versions of Boost, of which the usual one is too old.
farkeep_boost() {
  case "$(farkeep_release)" in
    bookworm) echo 1.81 ;;
    trixie | noble) echo 1.83 ;;
  esac
}

farkeep_packages() {
  local boost
  boost=$(farkeep_boost)
  local want=(g++ cmake ninja-build ccache pkg-config "libboost$boost-dev" "libboost-program-options$boost-dev" libssl-dev libspdlog-dev
    libprotobuf-dev protobuf-compiler libzstd-dev libxxhash-dev libabsl-dev tzdata libcurl4-openssl-dev)
  # What packing needs; the tests pack too.
  [ "${1:-build}" = build ] || want+=(dpkg-dev file gzip lintian)
  if [ "${1:-build}" = test ]; then
    want+=(catch2 acl attr libcap2-bin btrfs-progs rsync iproute2 procps python3-minimal git diffutils tcpdump faketime
      # units, manual pages, completions
      systemd mandoc man-db zsh fish
      # the lab's firewalls and proxies
      nftables iptables conntrack bc socat openssl microsocks openssh-server openssh-client squid haproxy nginx-light libnginx-mod-stream rinetd)
    [ "$(farkeep_release)" = trixie ] || want+=(dante-server)  # Debian 13 has none: what needs it is skipped there
  fi
  local missing=() p
  for p in "${want[@]}"; do
    grep -q '^install ok installed' <<<"$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null)" || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "Installing: ${missing[*]}" >&2
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "These Debian packages are missing, and neither root nor sudo is there to install them: ${missing[*]}" >&2; return 1; }
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq >&2
  # What is installed for tests is not to be started as a service of this machine.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ "${1:-build}" = test ] && [ ! -e $policy ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod 755 $policy
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 || local rc=$?
  [ -z "$ours" ] || "${root[@]}" rm -f $policy
  return "${rc:-0}"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then farkeep_packages "${1:-build}"; fi
