#!/usr/bin/env python3
"""The primary lies to an agent: every verb refused with each code, garbage, connections that are cut, signs of life without end.  Backups and restores go on at the honest one."""
import json
import os
import subprocess
import time

from rogue import liar, world

NET = 169
CODES = range(1, 31)  # of failures, and one that there is not
# Fewer backups in all than a server takes of an agent in a day.
VERBS = ("hello", "have", "commit", "snapshots", "get", "report", "directory")
PATIENCE = 45  # seconds that one verb may take beside a liar that is alive


def attack(w):
    source = w.agent()
    w.farkeep("honest", "backup", "main")
    rows = w.farkeep("honest", "snapshots", "--wait-protected", "--json").stdout.splitlines()
    head = next(json.loads(r) for r in rows if '"snapshot"' in r)
    w.down("east")
    evil = liar.Liar(w.data("east"), w.address["east"], w.work, (head["sequence"], bytes.fromhex(head["id"])))

    def holds(what, lies):
        evil.lies, evil.asked = lies, []
        for verb in (["backup", "main"], ["restore", "latest", "--target", w.work + "/out"]):
            if os.path.exists(w.state() + "/endpoints"):  # nobody rests: the liar is asked first
                os.remove(w.state() + "/endpoints")
            subprocess.run(["rm", "-rf", w.work + "/out"], check=True)
            began = time.monotonic()
            r = w.farkeep("honest", *verb, expect=None, timeout=300)
            took = time.monotonic() - began
            alarm = r.returncode == 6 and "ALARM" in r.stderr  # done all the same, and told
            w.must(r.returncode == 0 or alarm, "%s: %s is done at the other server (exit %d: %s)" % (what, verb[0], r.returncode, r.stderr.strip()[-300:]))
            w.must(took < PATIENCE, "%s: %s takes no longer than it may (%.0f s)" % (what, verb[0], took))
        same = subprocess.run(["diff", "-r", source, w.work + "/out" + source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).returncode == 0
        w.must(same, "%s: what was restored is what was saved" % what)
        w.must("hello" in evil.asked, "%s: the liar was asked" % what)

    for code in CODES:
        holds("open is refused with %d" % code, {"open": liar.fail(code)})
    for verb in VERBS:
        holds("%s is refused" % verb, {verb: liar.fail(10)})
        holds("%s is answered with garbage" % verb, {verb: liar.garbage})
        holds("%s is answered by hanging up" % verb, {verb: liar.cut})
        if verb not in ("commit", "get", "snapshots"):  # which may take an hour, or wait ten minutes for memory
            holds("%s is answered with signs of life" % verb, {verb: liar.at_work})


world.run(NET, attack, pair=True)
