#!/usr/bin/env python3
"""Thousands of connections to the metrics endpoint that say nothing, or ask and take no answer: whoever asks is answered, and agents find what they need."""
import resource
import socket
import time

from rogue import world

NET = 171
AT = ("127.%d.0.2" % NET, 9464)
TOTAL = 3000
ASK = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
SAYS = (b"", b"GET /metr", ASK)


def answer():
    """The first line of what comes within five seconds."""
    with socket.create_connection(AT, 5) as c:
        c.sendall(ASK)
        try:
            return c.recv(64).split(b"\r\n")[0]
        except OSError as e:
            return str(e).encode()


def attack(w):
    source = w.agent()
    w.down("east")
    with open(w.work + "/east.ini", "w") as f:
        f.write("[server]\nmetrics_listen = %s:%d\nlisten = %s\n" % (*AT, w.address["east"]))
    w.up("east", "--config", w.work + "/east.ini")
    w.must(answer() == b"HTTP/1.1 200 OK", "the metrics are there")
    before = w.descriptors()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    total = min(TOTAL, hard - 64)
    for says in SAYS:
        live = []
        for _ in range(total):
            c = socket.socket()
            c.setblocking(False)
            c.connect_ex(AT)
            live.append(c)
        time.sleep(0.5)
        for c in live:
            try:
                c.send(says)
            except OSError:
                pass
        what = "%d connections that %s" % (total, "say " + repr(says) if says else "say nothing")
        answers = [answer() for _ in range(5)]
        w.must(answers.count(b"HTTP/1.1 200 OK") >= 4, "beside %s the metrics are read: %s" % (what, answers))
        w.must(w.descriptors() < before + 100, "which use %d descriptors of the server" % (w.descriptors() - before))
        w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "an agent backs up")
        for c in live:
            c.close()
    w.must(w.is_alive(), "the server lives")
    w.must(w.restores("honest", source), "and restores")


world.run(NET, attack)
