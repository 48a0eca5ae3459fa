#!/usr/bin/env python3
"""Snapshots whose manifests are as large as they may be, so that a page of them ends just where one more fits or not: the server answers and lives."""
from rogue import records, world
from rogue.agent import said_by
from rogue.protobuf import fields, number, one
from rogue.wire import Refused, new_id

NET = 163
LARGEST = 256 * 1024
PAGE = 768 * 1024


def manifest_of(agent, root, session, size):
    """One of just so many bytes."""
    pad = size - 1500
    while True:
        manifest, digest = agent.manifest(root, session, details=bytes(pad))
        if len(manifest) == size:
            return manifest, digest
        pad += size - len(manifest)


def attack(w):
    for below in (200, 1, 0):
        agent = w.rogue("rogue%d" % below)
        with agent.connect(w.address["east"]) as c:
            session, root = new_id(16), new_id()
            agent.put(c, records.envelope(session) + records.node(session, [(root, [])]), 2)
            sizes, held, receipt = [LARGEST - 644] * 2, 0, 0
            for size in sizes:
                receipt = len(one(agent.commit(c, *manifest_of(agent, root, session, size)), 1))
                held += size + receipt
            for size in (PAGE - below - receipt - held, LARGEST):
                agent.commit(c, *manifest_of(agent, root, session, size))
            rows, last = 0, 0
            try:
                while True:
                    page = fields(c.ask("snapshots", number(1, last)))
                    if not page.get(1):
                        break
                    rows += len(page[1])
                    last = one(said_by(page[1][-1]), 4)
                    if not one(page, 2, 0):
                        break
            except (EOFError, OSError, Refused) as e:
                print("asking for the page: %r" % e)
            w.must(rows == 4, "a page that comes to %d bytes below its mark: %d of 4 snapshots are told" % (below, rows))
        w.must(w.is_alive(), "the server lives")
        if not w.is_alive():
            return


world.run(NET, attack)
