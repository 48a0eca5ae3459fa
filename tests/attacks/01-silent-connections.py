#!/usr/bin/env python3
"""Thousands of TCP connections that say nothing, garbage, or half a handshake, and go: the server lives, and an agent backs up beside them."""
import os
import socket
import time

from rogue import world
from rogue.wire import PORT

NET = 161
TOTAL, OPEN = int(os.environ.get("TOTAL", "6000")), 90  # more at once than have a place while they shake hands
SAYS = (b"", b"\x16\x03\x01\x02\x00\x01", os.urandom(300), b"GET / HTTP/1.0\r\n\r\n")


def attack(w):
    source = w.agent()
    live = []
    for n in range(TOTAL):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex((w.address["east"], PORT))
        live.append(c)
        if n % 50 == 49:
            for old in live[:-OPEN]:
                if n % 100 == 49:
                    try:
                        old.send(SAYS[n // 100 % len(SAYS)])
                    except OSError:
                        pass
                old.close()
            del live[:-OPEN]
            time.sleep(0.002)  # for the server's turns: it shall meet them in every state
        if n % 500 == 0 and not w.is_alive():
            break
    w.must(w.is_alive(), "the server lives through %d connections that never became one" % TOTAL)
    if w.is_alive():
        w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "an agent backs up while %d of them are open" % len(live))
        w.must(w.restores("honest", source), "and restores")
    for c in live:
        c.close()


world.run(NET, attack)
