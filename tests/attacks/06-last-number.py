#!/usr/bin/env python3
"""A thief of an agent's key commits snapshots with numbers far ahead: refused, and the agent's own backups go on."""
import os

from rogue import records, world
from rogue.agent import Agent
from rogue.protobuf import blob, fields
from rogue.wire import Refused, new_id

NET = 166
JUMPS = (1 << 20, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1)  # ascending: the one that is taken hides none behind it


def attack(w):
    source = w.agent()
    w.farkeep("honest", "backup", "main")
    thief = Agent.thief_of(w.state(), w.work + "/thief")
    with thief.connect(w.address["east"]) as c:
        session, root = new_id(16), new_id()
        thief.put(c, records.envelope(session) + records.node(session, [(root, [])]), 2)
        for number in JUMPS:
            manifest, _ = thief.manifest(root, session, sequence=number, previous=new_id())
            try:
                taken = 1 in fields(c.ask("commit", blob(1, manifest)))
            except Refused as e:
                taken = False
                print("number %d: %s" % (number, e))
            w.must(not taken, "a snapshot with number %d is refused" % number)
    with open(source + "/new", "wb") as f:
        f.write(os.urandom(5000))
    w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "the agent's next backup is taken")
    w.must(w.restores("honest", source), "and restores")


world.run(NET, attack)
