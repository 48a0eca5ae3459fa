#!/usr/bin/env python3
"""A thief of an agent's key comes to one server before the mirror does: the agent and both servers tell, as long as it is so, and an operator mends it."""
import hashlib
import os

from rogue import records, world
from rogue.agent import Agent
from rogue.protobuf import blob, fields, number, one
from rogue.wire import new_id

NET = 172


def numbers_at(w, name):
    return [line.split('"number":')[1].split(",")[0] for line in w.server("snapshots", name, "--json").splitlines() if '"number":' in line]


def attack(w):
    source = w.agent()
    w.farkeep("honest", "backup", "main")
    w.farkeep("honest", "snapshots", "--wait-protected")
    w.farkeep("honest", "status", expect=None)
    # Alone with the alternate.
    w.down("east")
    thief = Agent.thief_of(w.state(), w.work + "/thief")
    session, root = new_id(16), new_id()
    with thief.connect(w.address["west"]) as c:
        first = fields(c.ask("snapshots", number(1, 0)))[1][0]
        statement = one(fields(one(fields(first), 1)), 1)
        previous = hashlib.sha256(statement).digest()
        thief.put(c, records.envelope(session) + records.node(session, [(root, [])]), 2)
        manifest, _ = thief.manifest(root, session, sequence=2, previous=previous)
        w.must(1 in fields(c.ask("commit", blob(1, manifest))), "the thief's snapshot is taken, as anything that an agent's key signs")
    # The agent's own go to the primary meanwhile.
    w.down("west")
    w.up("east")
    for i in range(3):
        with open(source + "/new", "wb") as f:
            f.write(os.urandom(5000 + i))
        w.farkeep("honest", "backup", "main")
    w.up("west")
    w.must(w.eventually(lambda: "4" in numbers_at(w, "west")), "the newest comes to the alternate all the same")
    w.must(numbers_at(w, "west") == ["1", "2", "4"], "what the thief's keeps away is missing there: %s" % numbers_at(w, "west"))

    status = w.farkeep("honest", "status", expect=None)
    w.must("number 2" in status.stdout + status.stderr and "set-aside" in status.stdout + status.stderr, "the agent's status tells of it")
    again = w.farkeep("honest", "status", expect=None)
    w.must("number 2" in again.stdout + again.stderr, "and goes on telling")
    with open(source + "/new", "wb") as f:
        f.write(os.urandom(6000))
    run = w.farkeep("honest", "backup", "main", expect=None)
    w.must(run.returncode == 6 and "ALARM" in run.stdout + run.stderr, "the next backup is made, with an alarm (%d)" % run.returncode)
    w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "the one after that is as any other")
    for name in ("east", "west"):
        w.must(w.eventually(lambda: "another snapshot in the place of number 2" in w.server("pair", name), 90), "the server %s tells that both differ, and in what" % name)
        w.server("status", name, expect=6)

    w.server("snapshots set-aside", "west", "honest", "2", "--reason", "a thief's")
    w.must(w.eventually(lambda: numbers_at(w, "west") == numbers_at(w, "east"), 90), "with the thief's out of the way everything comes: %s" % numbers_at(w, "west"))
    last = w.farkeep("honest", "status", expect=None)
    w.must("number 2" not in last.stdout + last.stderr, "the agent's alarm ends")
    for name in ("east", "west"):
        w.must(w.eventually(lambda: "another snapshot" not in w.server("pair", name), 90), "the server %s is content" % name)
        w.server("status", name)
    w.must(w.restores("honest", source), "and all of it restores")


world.run(NET, attack, pair=True)
