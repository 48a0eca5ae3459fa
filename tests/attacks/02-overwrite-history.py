#!/usr/bin/env python3
"""Whoever has an agent's key puts rubbish under the ids of its history, beside a fresh id each: every snapshot from before still restores, at once, after a
restart, and with an index made anew."""
import subprocess

from rogue import records, world
from rogue.agent import Agent, said_by
from rogue.protobuf import fields, number, one
from rogue.wire import new_id

NET = 162


def ids_of_history(c):
    """{id: its record's kind}, by walking from the snapshots' roots."""
    rows = fields(c.ask("snapshots", number(1, 0))).get(1, [])
    todo = {one(said_by(row), 6) for row in rows}
    kinds = {}
    while todo:
        found, _ = c.get(sorted(todo))
        todo = set()
        for record in records.split(found):
            kinds.update((i, record.kind) for i in record.ids)
            todo.update(record.references)
        todo -= set(kinds)
    return kinds


def attack(w):
    source = w.agent(files=10, size=100000)
    w.farkeep("honest", "backup", "main")
    w.must(w.farkeep("honest", "check", "--read-data", expect=None).returncode == 0, "before: check reads all")
    thief = Agent.thief_of(w.state(), w.work + "/thief")
    with thief.connect(w.address["east"]) as c:
        kinds = ids_of_history(c)
        assert len(kinds) > 5, "the history was not found"
        session = new_id(16)
        chunks, nodes = ([i for i, kind in kinds.items() if kind == k] for k in (records.DATA, records.NODE))
        thief.put(c, records.envelope(session) + records.data(session, chunks + [new_id()]) + records.node(session, [(i, []) for i in nodes + [new_id()]]), 3)
    for when in ("at once", "after a restart", "with an index made anew"):
        if when != "at once":
            w.down("east")
            if "anew" in when:
                subprocess.run(["rm", "-r", w.data("east") + "/cache"], check=True)
            w.up("east")
        w.must(w.farkeep("honest", "check", "--read-data", expect=None).returncode == 0, "%s: check reads all, %d ids put again" % (when, len(kinds)))
        w.must(w.restores("honest", source), when + ": the snapshot restores")


world.run(NET, attack)
