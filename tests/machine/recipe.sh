# What the recipes of the README for snapshots promise.  Sourced after e2e/lib.sh by a script that knows
#   $data   the folder that changes       gone    true if nothing is left of the snapshot
. "$(dirname "${BASH_SOURCE[0]}")/told.sh"

# Emulated, everything takes ten times as long.
size=60M
[ "$(systemd-detect-virt 2>/dev/null)" = kvm ] || size=16M

# agent NAME RECIPE: an agent whose job is this recipe; $now is its path.
agent() {
  now=$(sed -n 's/^path = //p' <<<"$2")
  agent_up "$1" "$now"
  grep -v '^path' <<<"$2" >>"$work/$1.ini"
}
snapshots() { fk "$1" snapshots --json | grep -c '"id"' || true; }

# moments NAME [COUNT]
moments() {
  local i first last n=0 f
  note "$1: two files that always change together, the first and the last that are read: they are of one moment"
  mkdir -p "$data/a" "$data/z"
  head -c $size /dev/urandom >"$data/m"
  : >"$work/go"
  (while [ -e "$work/go" ]; do n=$((n + 1)); for f in a/first z/last; do echo $n >"$data/new" && mv "$data/new" "$data/$f"; done; done) &
  pid_of[writer]=$!
  for i in $(seq 400); do [ ! -e "$data/z/last" ] || break; sleep 0.05; done
  for i in $(seq "${2:-2}"); do
    expect 0 fk "$1" backup main
    gone || fail "the snapshot is still there: $(cat "$work/err")"
    rm -rf "$work/back"
    fk "$1" restore latest --target "$work/back" >/dev/null
    first=$(cat "$work/back$now/a/first") last=$(cat "$work/back$now/z/last")
    [ $((first - last)) -le 1 ] && [ "$first" -ge "$last" ] || fail "$first and $last are of different times"
    echo "   $first and $last"
  done
  rm "$work/go"
  wait "${pid_of[writer]}" || true
  unset "pid_of[writer]"
}

killed() {  # NAME
  local i victim
  note "$1: killed in the middle: the snapshot that is left over is taken away by the next run"
  head -c $size /dev/urandom >"$data/m"
  farkeep --config "$work/$1.ini" backup main >"$work/killed" 2>&1 &
  victim=$!
  for i in $(seq 2000); do [ ! -e "$now/m" ] || break; sleep 0.02; done
  kill -KILL $victim
  wait $victim 2>/dev/null || true
  [ -e "$now/m" ] || fail "it was too late to kill it: $(cat "$work/killed")"
  head -c $size /dev/urandom >"$data/m"
  expect 0 fk "$1" backup main
  gone || fail "the snapshot is still there: $(cat "$work/err")"
  rm -rf "$work/back"
  fk "$1" restore latest --target "$work/back" >/dev/null
  same "$data" "$work/back$now"
}

# fails NAME: the run ends as failed, without a snapshot on the servers, and nothing is left here.
fails() {
  local before
  before=$(snapshots "$1")
  expect 1 fk "$1" backup main
  [ "$(snapshots "$1")" = "$before" ] || fail "there is a snapshot all the same"
  gone || fail "the snapshot is still there: $(cat "$work/err")"
  sed 's/^/   /' "$work/err"
}
