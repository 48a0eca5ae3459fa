#!/usr/bin/env python3
"""A revoked agent: its open connection ends, it is not let in again, neither with the recovery key that it told when it registered; an agent's id always names it."""
import os

from rogue import world
from rogue.agent import Agent
from rogue.keys import Key
from rogue.protobuf import blob
from rogue.wire import Refused

NET = 165
ENDED = (Refused, EOFError, OSError)


def refused(act):
    try:
        act()
    except ENDED:
        return True
    return False


def attack(w):
    east = w.address["east"]
    recovery = Key.make(w.work + "/recovery.pem")
    agent = w.rogue(more=blob(5, recovery.public()))
    with agent.connect(east) as c:
        _, _, chunk = agent.snapshot(c)
        w.server("agent revoke", "east", agent.agent.hex())
        for what, act in (("commit", lambda: agent.snapshot(c)), ("get", lambda: c.get([chunk])), ("renew", lambda: c.ask("renew", blob(1, agent.key.request()))),
                          ("directory", lambda: c.ask("directory"))):
            w.must(refused(act), "revoked: no %s on the connection that was open" % what)
    w.must(refused(lambda: agent.connect(east)), "revoked: no new connection")
    os.mkdir(w.work + "/back")
    key = Key.make(w.work + "/back/key.pem")
    proof = recovery.sign(b"farkeep/1/recover" + agent.agent + key.request())

    def come_back():
        Agent.register(east, w.work + "/back", key=key, more=blob(4, agent.agent) + blob(6, proof)).connect(east)

    w.must(refused(come_back), "revoked: no way back by its own recovery key")

    old = w.rogue("old")
    with old.connect(east) as c:
        old.snapshot(c)
        token = w.token("--recover", old.agent.hex())
        Agent.register(east, w.work + "/new", token=token, more=blob(4, old.agent))
        w.must(refused(lambda: old.snapshot(c)), "recovered elsewhere: no commit by the old key on the connection that was open")

    named, shadow = w.rogue("named"), None
    shadow = w.rogue(named.agent.hex())
    w.server("agent revoke", "east", named.agent.hex())
    w.must(refused(lambda: named.connect(east)), "revoked by its id, although that is another's name")
    w.must(not refused(lambda: shadow.connect(east)), "and the other one is not")


world.run(NET, attack)
