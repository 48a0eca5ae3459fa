# A deployment bundle, as a folder and as a package, on the machine of boot.sh, which sources this: the packages are installed, the server serves.
# What it leaves is a machine that is not registered.

registered_agents() { in_root farkeep-server agents --json | grep -c '"agent"' || true; }
# alone COMMAND…: in the machine, with no terminal and nothing to read: a prompt would be its failure.
alone() { setsid --wait chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root "$@" </dev/null >"$work/out" 2>&1; }
# What a second installation must not touch; what the running daemon itself writes is left out.
deployed() {
  (cd "$root" && find etc/farkeep etc/systemd/system/multi-user.target.wants var/lib/farkeep/identity var/lib/farkeep/root.key var/lib/farkeep/agent.key -exec stat -c '%n %i %Y %a %u %g' {} + 2>/dev/null | sort)
}
# The package brings the unit enabled; a machine on which it is not shows what the bundle does about it.
fresh_machine() {
  in_root systemctl disable --quiet --now farkeepd
  rm -rf "$root/var/lib/farkeep" "$root"/etc/farkeep/{agent.ini,agent.ini.before,ca.pem,token,escrow.pub}
  is "the unit before" "$(in_root systemctl is-enabled farkeepd || true), $(field farkeepd ActiveState)" "disabled, inactive"
}
# serves NAME AGENTS: what must be true whichever way the bundle came.
serves() {
  is "the unit" "$(in_root systemctl is-enabled farkeepd), $(field farkeepd ActiveState)" "enabled, active"
  is "the agents at the server" "$(registered_agents)" "$2"
  grep -q "\"name\":\"$1\"" <<<"$(in_root farkeep-server agents --json)" || fail "the server knows no agent $1: $(in_root farkeep-server agents --json)"
  [ ! -e "$root/etc/farkeep/token" ] || fail "the token was left lying about"
  is "the settings' owner" "$(in_root stat -c '%a %U:%G' /etc/farkeep/agent.ini)" "640 root:farkeep"
  until_it "the backup of $1" has_snapshots 1
  in_root farkeep status >"$work/out" 2>&1 && grep -q "deployed by bundle $1\$" "$work/out" || fail "the status: $(cat "$work/out")"
  restores
}

deployment() {
  local pid before
  in_root farkeep-server account add fleet >>"$work/init.log" 2>&1
  cat >"$root/root/profile.ini" <<INI
[organisation]
name = Example Ltd
[registration]
server = $address
ca_file = /var/lib/farkeep-server/ca.pem
[token]
command = farkeep-server token create --account fleet --uses {uses} --expires {expires} --json
[job data]
path = /srv/data
schedule = every 4h
INI
  alone farkeep-deploy bundle /root/profile.ini --host web1 --out /root/bundles || fail "bundle: $(cat "$work/out")"
  alone farkeep-deploy bundle /root/profile.ini --host db1 --out /root/bundles --deb || fail "bundle --deb: $(cat "$work/out")"

  note "a deployment bundle: its install.sh enables and starts the service, which backs up, with nobody there"
  fresh_machine
  alone sh /root/bundles/web1/install.sh || fail "install.sh ended with $?: $(cat "$work/out")"
  grep -q "registered as web1" "$work/out" && grep -q "farkeepd runs" "$work/out" || fail "install.sh: $(cat "$work/out")"
  serves web1 1

  note "a second time it changes nothing"
  pid=$(field farkeepd MainPID) before=$(deployed)
  [ "$(grep -c . <<<"$before")" -ge 5 ] || fail "too little is compared: $before"
  alone sh /root/bundles/web1/install.sh || fail "install.sh ended with $?: $(cat "$work/out")"
  grep -q "registered already" "$work/out" || fail "install.sh: $(cat "$work/out")"
  diff <(echo "$before") <(deployed) >"$work/out" || fail "what is installed is not the same: $(cat "$work/out")"
  is "the process, and how often it was read anew" "$(field farkeepd MainPID), $(journal farkeepd | grep -c "is taken over" || true)" "$pid, 0"
  is "the agents at the server" "$(registered_agents)" 1

  note "what a run wrote that was cut off is taken over by the next one, though no file changes then"
  true >"$root/etc/farkeep/.not-taken-over"
  alone sh /root/bundles/web1/install.sh || fail "install.sh ended with $?: $(cat "$work/out")"
  for i in $(seq 100); do [ "$(journal farkeepd | grep -c "is taken over" || true)" = 0 ] || break; sleep 0.1; done  # it says so when it has told systemd
  is "the process, and how often it was read anew" "$(field farkeepd MainPID), $(journal farkeepd | grep -c "is taken over" || true)" "$pid, 1"
  [ ! -e "$root/etc/farkeep/.not-taken-over" ] || fail "every further run would have it read anew"

  note "the same as a package"
  fresh_machine
  alone sh -c 'cd / && dpkg -i /root/bundles/farkeep-config-db1_*_all.deb' || fail "dpkg: $(cat "$work/out")"
  serves db1 2
  pid=$(field farkeepd MainPID) before=$(deployed)
  alone sh -c 'cd / && dpkg -i /root/bundles/farkeep-config-db1_*_all.deb' || fail "dpkg: $(cat "$work/out")"
  diff <(echo "$before") <(deployed) >"$work/out" || fail "what is installed is not the same: $(cat "$work/out")"
  is "the process" "$(field farkeepd MainPID)" "$pid"
  alone dpkg -P farkeep-config-db1 || fail "purging the package: $(cat "$work/out")"
  is "the unit without the package" "$(in_root systemctl is-enabled farkeepd), $(field farkeepd ActiveState)" "enabled, active"

  fresh_machine
  in_root systemctl enable --quiet farkeepd
  in_root systemd-tmpfiles --create farkeep.conf
  rm -rf "$root/root/bundles" "$root/root/profile.ini"
}
