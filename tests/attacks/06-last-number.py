#!/usr/bin/env python3
"""A thief of an agent's key commits snapshots with numbers far ahead: refused, and the agent's own backups go on."""
import os

from rogue import records, world
from rogue.agent import Agent
from rogue.protobuf import blob, fields
from rogue.wire import Refused, new_id

NET = 166
JUMPS = (1 << 20, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1)  # ascending: the one that is taken hides none behind it


def commit(thief, c, root, session, number):
    """Why a snapshot with this number is refused; empty: it is taken."""
    manifest, _ = thief.manifest(root, session, sequence=number, previous=new_id())
    try:
        return "" if 1 in fields(c.ask("commit", blob(1, manifest))) else "something of it is missing"
    except Refused as e:
        return str(e)


def attack(w):
    source = w.agent()
    w.farkeep("honest", "backup", "main")
    thief = Agent.thief_of(w.state(), w.work + "/thief")
    session, root = new_id(16), new_id()
    with thief.connect(w.address["east"]) as c:
        thief.put(c, records.envelope(session) + records.node(session, [(root, [])]), 2)
        for number in JUMPS:
            why = commit(thief, c, root, session, number)
            print("number %d: %s" % (number, why))
            w.must(why.startswith("rollback: ") and "the next may be at most" in why, "a snapshot with number %d is refused for its number" % number)
    with open(source + "/new", "wb") as f:
        f.write(os.urandom(5000))
    w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "the agent's next backup is taken")
    w.must(w.restores("honest", source), "and restores")
    # Else all of this might be refused for something else in it.
    with thief.connect(w.address["east"]) as c:
        why = commit(thief, c, root, session, 4)
        w.must(why == "", "the thief's snapshot with a number that may be is taken (%s)" % why)


world.run(NET, attack)
