#!/usr/bin/env python3
"""Whoever has the primary's keys answers in its place: nothing that an agent keeps of it ends the agent's work at the honest server."""
import hashlib
import json
import os

from rogue import liar, world
from rogue.keys import Key
from rogue.protobuf import blob, fields, number
from rogue.server import Server

NET = 170
MIB = 1 << 20


def attack(w):
    source = w.agent(files=3)
    state = w.state()
    w.farkeep("honest", "backup", "main")
    snapshots = w.farkeep("honest", "snapshots", "--wait-protected", "--json").stdout
    newest = json.loads(snapshots.strip().splitlines()[-1])
    status = json.loads(w.farkeep("honest", "status", "--json").stdout)
    w.down("east")

    def works_at_west(what, later=None):
        with open(source + "/new", "wb") as f:
            f.write(os.urandom(3000))
        r = w.farkeep("honest", "backup", "main", expect=None, later=later)
        w.must(r.returncode == 0, what + ": the next backup is taken by the honest server" + ("" if r.returncode == 0 else ": " + r.stderr))
        w.must(later or w.restores("honest", source), what + ": and restores")

    with Server(w.data("east"), w.address["east"], w.work) as east:
        east.answers["open"] = lambda _: number(1, newest["sequence"]) + blob(2, bytes.fromhex(newest["id"])) + number(3, 10)
        east.answers["have"] = lambda head: blob(1, bytes((1 << min(8, n - 8 * j)) - 1 for n in [len(fields(head)[1][0]) // 32] for j in range((n + 7) // 8)))
        east.answers["put"] = lambda _: b""
        east.answers["report"] = east.answers["snapshots"] = lambda _: b""

        def padded(head):
            digest = hashlib.sha256(fields(fields(head)[1][0])[1][0]).digest()
            pad = MIB - len(blob(1, east.receipt(newest["sequence"] + 1, digest, MIB - 8192))) + MIB - 8192
            return blob(1, east.receipt(newest["sequence"] + 1, digest, pad))

        east.answers["commit"] = padded
        with open(source + "/new", "wb") as f:
            f.write(os.urandom(3000))
        w.farkeep("honest", "backup", "main", expect=None)
        w.must("commit" in east.asked, "(the padded receipt was sent)")
        large = [name for name in os.listdir(state) if os.path.isfile(state + "/" + name) and os.path.getsize(state + "/" + name) > MIB // 4]
        w.must(not large, "no file of the agent's grows by it " + str(large))
    works_at_west("a padded receipt")

    def shown():
        with open(state + "/identity", "rb") as f:
            return f.read()

    for what, lie in (("bytes at random", liar.garbage), ("nothing", lambda c, request, verb, _: c.reply(request, verb)), ("the end of the connection", liar.cut)):
        with Server(w.data("east"), w.address["east"], w.work) as east:
            before = shown()
            east.lies["renew"] = lie
            w.farkeep("honest", "backup", "main", expect=None, later=260)
            w.must("renew" in east.asked, "(in the place of a certificate came %s)" % what)
            w.must(shown() != before, "%s in the place of a certificate: the other server renews it" % what)
        works_at_west(what + " in the place of a certificate")
    # Where both do it, the certificate that is there stays.
    w.down("west")
    with Server(w.data("east"), w.address["east"], w.work) as east, Server(w.data("west"), w.address["west"], w.work) as west:
        before = shown()
        east.lies["renew"] = west.lies["renew"] = liar.garbage
        w.farkeep("honest", "backup", "main", expect=None, later=260)
        w.must("renew" in east.asked and "renew" in west.asked, "(both garbled it)")
        w.must(shown() == before, "where both garble it the certificate that is there stays")
    w.up("west")
    works_at_west("both garbled a certificate")

    with Server(w.data("east"), w.address["east"], w.work) as east:
        other = Key.make(w.work + "/other.pem")
        east.answers["renew"] = lambda _: east.certify(status["account_id"], status["agent_id"], other, 600)
        w.farkeep("honest", "backup", "main", expect=None, later=260)
        w.must("renew" in east.asked, "(the certificate for another key was sent)")
    works_at_west("a certificate for another key")

    with Server(w.data("east"), w.address["east"], w.work) as east:
        mine = Key(state + "/agent.key")
        east.answers["renew"] = lambda _: east.certify(status["account_id"], status["agent_id"], mine, 261)
        for _ in range(6):
            w.farkeep("honest", "backup", "main", expect=None, later=260)
        w.must(east.asked.count("renew") > 2, "(certificates that end with the day were sent)")
    works_at_west("certificates that have ended", later=262)


world.run(NET, attack, pair=True)
