#!/usr/bin/env bash
# Strangers, without certificate or token, in numbers: the server lives, stays small, serves agents as if they were not there, and says whom it turned away.
. "$(dirname "$0")/lib.sh" 137

mkdir -p "$work/src"
seq 100000 >"$work/src/numbers"
pair_up
agent_up a "$work/src"
expect 0 fk a backup main

# Plays the strangers until its standard input ends; says "ready" when they are all there.
cat >"$work/strangers.py" <<'PY'
import os, socket, ssl, struct, sys
HELLO, PING, REGISTER = 1, 2, 10
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.set_alpn_protocols(["farkeep/1"])

def silent():
    return socket.create_connection((sys.argv[1], 16384), 10)

def tls():
    raw = silent()
    raw.settimeout(10)
    return context.wrap_socket(raw)

def header(head, body, verb):
    return struct.pack("<IIIBBH", head, body, 7, verb, 0, 0)

def refused(stream, data):
    """sends, and says whether the other side ended it without taking megabytes"""
    try:
        stream.sendall(data)
        while True:
            if not stream.recv(65536):
                return True
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False

def main():
    for make in (lambda: header(1 << 20, 5 << 20, PING) + bytes(3 << 20), lambda: header(0, 65537, PING) + bytes(65536), lambda: header(20000, 0, REGISTER)):
        assert refused(tls(), make()), "a frame that is too large for a stranger was taken"
    kept = [tls() for _ in range(300)]
    kept += [silent() for _ in range(700)]
    for _ in range(200):
        s = silent()
        s.sendall(os.urandom(40))
        s.close()
    print("ready", flush=True)
    sys.stdin.read()

main()
PY

note "300 connections without a hello, 700 without a byte, 200 with garbage, frames of megabytes"
ulimit -n 4096 2>/dev/null || true
mkfifo "$work/until"
python3 "$work/strangers.py" "$east" <"$work/until" >"$work/said" 2>"$work/strangers.log" &
pid_of[strangers]=$!
exec 8>"$work/until"
for i in $(seq 1200); do
  grep -q ready "$work/said" && break
  kill -0 "${pid_of[strangers]}" 2>/dev/null || fail "the strangers: $(tail -n 3 "$work/strangers.log")"
  sleep 0.05
done
grep -q ready "$work/said" || fail "the strangers did not all get in"
kill -0 "${pid_of[east]}" || fail "the server ended"
small=$(awk '/^VmRSS/ {print $2}' "/proc/${pid_of[east]}/status")
[ -n "${FARKEEP_SANITIZED:-}" ] || [ "$small" -lt 160000 ] || fail "the server has grown to $small KiB"

note "beside them a backup, a registration, a restore"
seq 200000 >"$work/src/more"
expect 0 fk a backup main
agent_up b "$work/src"
expect 0 fk b backup main
expect 0 fk a restore latest --target "$work/back"
same "$work/src" "$work/back$work/src"

note "who was turned away is told"
exec 8>&-
wait "${pid_of[strangers]}" || fail "the strangers: $(tail -n 3 "$work/strangers.log")"
unset "pid_of[strangers]"
for i in $(seq 1400); do
  farkeep-server --data "$work/east" --json status >"$work/out" 2>&1
  grep -q '"stranger":[1-9]' "$work/out" && grep -q '"breach":3' "$work/out" && break
  sleep 0.05
done
grep -q '"stranger":[1-9]' "$work/out" || fail "status: $(cat "$work/out")"
grep -q '"breach":3' "$work/out" || fail "status: $(cat "$work/out")"
lines=$(wc -l <"$work/east.log")
[ "$lines" -lt 60 ] || fail "the strangers made the log $lines lines long"
echo "passed"
