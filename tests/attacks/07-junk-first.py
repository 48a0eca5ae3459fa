#!/usr/bin/env python3
"""Whoever has an agent's key reads a snapshot at the primary while the alternate is away, and puts rubbish under its ids at the alternate before the mirror comes
there: envelopes, nodes and chunks.  The snapshot is protected all the same, and when the primary is lost, the alternate alone restores it."""
import os
import signal

from rogue import records, world
from rogue.agent import Agent, said_by
from rogue.protobuf import fields, number, one
from rogue.wire import Refused

NET = 167
PATIENCE = 90  # seconds, for what takes a few


def all_records(c):
    """Every record of every snapshot, by walking from the roots, and the envelopes of their sessions."""
    rows = fields(c.ask("snapshots", number(1, 0))).get(1, [])
    todo, seen, found = {one(said_by(row), 6) for row in rows}, set(), {}
    while todo:
        raw, _ = c.get(sorted(todo))
        seen |= todo
        todo = set()
        for record in records.split(raw):
            found[record.raw] = record
            todo.update(record.references)
        todo -= seen
    return list(found.values())


def attack(w):
    source = w.agent(files=10, size=100000)
    thief = Agent.thief_of(w.state(), w.work + "/thief")

    def alternate_knows():
        try:
            thief.connect(w.address["west"]).close()
            return True
        except (Refused, OSError, EOFError):
            return False

    w.must(w.eventually(alternate_knows, PATIENCE), "before: the alternate knows the agent")
    w.down("west")
    w.farkeep("honest", "backup", "main")
    with thief.connect(w.address["east"]) as c:
        found = all_records(c)
    w.must(len(found) >= 2, "the thief reads %d records at the primary" % len(found))
    w.down("east")
    w.up("west")
    with thief.connect(w.address["west"]) as c:
        for session in sorted({r.session for r in found}):
            thief.put(c, records.envelope(session), 1)
        for r in found:
            if r.kind == records.NODE:
                thief.put(c, records.node(r.session, [(i, [os.urandom(32)]) for i in r.ids]), 1)
            elif r.kind == records.DATA:
                thief.put(c, records.data(r.session, r.ids, size=len(r.raw) // 2), 1)
    w.up("east")
    w.must(w.eventually(lambda: w.farkeep("honest", "snapshots", "--wait-protected", expect=None).returncode == 0, PATIENCE), "the snapshot is protected, whatever was there before it")
    w.down("east", signal.SIGKILL)
    w.must(w.restores("honest", source), "the primary is lost: the alternate alone restores it")
    w.must(w.farkeep("honest", "check", "--read-data", expect=None).returncode == 0, "and check reads all of it there")


world.run(NET, attack, pair=True)
