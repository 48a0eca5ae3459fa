#!/usr/bin/env python3
"""Strangers announce the largest frames there are and send all of them but the last bytes: they are not read, their memory is not spent, and an agent backs up beside them."""
import os
import threading

from rogue import world
from rogue.wire import Connection, header

NET = 164
HEAD, BODY = 1 << 20, 5 << 20
STRANGERS = int(os.environ.get("STRANGERS", "40"))  # 240 MiB, if all of it were taken
MOST_MIB = 64


def stranger(address, hello, kept):
    try:
        c = Connection(address, hello=hello, timeout=10)
        kept.append(c)
        c.send(header(HEAD, BODY, 99, "ping") + bytes(HEAD) + bytes(BODY - 4096))
    except OSError:
        pass  # it was ended: just so


def attack(w):
    w.agent()
    before, kept = w.memory(), []
    threads = [threading.Thread(target=stranger, args=(w.address["east"], i % 2 == 0, kept)) for i in range(STRANGERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    grown = w.memory() - before
    w.must(grown < MOST_MIB, "%d strangers with 6 MiB each cost %d MiB" % (STRANGERS, grown))
    w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "an agent backs up beside them")
    w.must(all(c.is_ended(20) for c in kept), "all of them are ended")
    for c in kept:
        c.close()


world.run(NET, attack)
