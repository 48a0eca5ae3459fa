#!/usr/bin/env python3
"""A few agents ask for all they have, again and again, with the largest questions there are, and hardly take the answers; others send floods of `have`: an honest agent
reports, backs up and restores beside them, and the server's memory stays small."""
import os
import threading
import time

from rogue import world
from rogue.protobuf import blob, number
from rogue.records import data, envelope
from rogue.wire import frame, new_id

NET = 168
AGENTS, CONNECTIONS = int(os.environ.get("HOGS", "4")), 4  # each of them may have four
QUESTIONS = 19  # four at work, and fifteen that wait for those
RECORD, RECORDS = 7 << 19, 6
SLICE, EVERY = 256 << 10, 15.0  # less than any timeout minds
MOST_MIB = int(os.environ.get("MOST_MIB", "512"))  # of 2 GiB that its unit allows; 190 without a sanitizer


def store(agent, address):
    session, ids = new_id(16), [new_id() for _ in range(RECORDS)]
    with agent.connect(address, timeout=60) as c:
        asked = [agent.put(c, envelope(session), 1, wait=False)] + [agent.put(c, data(session, [i], RECORD), 1, wait=False) for i in ids]
        for request in asked:
            c.reply(request)
    return ids


def hog(agent, address, ids, kept, ended, over):
    """Asks as long as it is read, then takes a slice now and then."""
    question = blob(1, b"".join(ids + [new_id() for _ in range(16384 - len(ids))]))
    question += blob(15, bytes((1 << 20) - 16 - len(question)))
    try:
        c = agent.connect(address, timeout=60)
        kept.append(c)
        c.stream.settimeout(3)
        try:
            for n in range(QUESTIONS):
                c.send(frame("get", question, request=100 + n))
        except TimeoutError:
            pass
        while not over.is_set():
            over.wait(EVERY)
            left = SLICE
            while left > 0:
                got = c.stream.recv(left)
                if not got:
                    raise EOFError
                left -= len(got)
    except TimeoutError:
        pass
    except (OSError, EOFError) as e:
        ended.append(e)


def flood(agent, address, over, counted):
    """Asks for 16,384 ids at a time, as fast as it is answered."""
    head = blob(1, os.urandom(32 * 16384))
    try:
        with agent.connect(address, timeout=60) as c:
            while not over.is_set():
                asked = [c.request("have", head) for _ in range(8)]
                for number_ in asked:
                    c.reply(number_)
                counted.append(len(asked))
    except (OSError, EOFError):
        pass


class Watch(threading.Thread):
    def __init__(self, w):
        super().__init__()
        self.w, self.highest, self.over = w, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.05) and self.w.is_alive():
            self.highest = max(self.highest, self.w.memory())


def timed(work):
    began = time.monotonic()
    out = work()
    return out, time.monotonic() - began


def attack(w):
    address = w.address["east"]
    source = w.agent()
    w.must(w.farkeep("honest", "backup", "main", expect=None).returncode == 0, "an agent backs up before")
    hogs = [w.rogue("hog%d" % i) for i in range(AGENTS)]
    stored = [store(a, address) for a in hogs]
    prober, flooder = w.rogue("prober"), w.rogue("flooder")
    watch, over, kept, ended, counted = Watch(w), threading.Event(), [], [], []
    watch.start()
    threads = [threading.Thread(target=hog, args=(a, address, ids, kept, ended, over)) for a, ids in zip(hogs, stored) for _ in range(CONNECTIONS)]
    threads.append(threading.Thread(target=flood, args=(flooder, address, over, counted)))
    for t in threads:
        t.start()
    time.sleep(8)  # all of them have asked
    try:
        def probe():
            with prober.connect(address, timeout=10) as c:
                c.ask("report", number(1, 1))
            return True
        try:
            fine, took = timed(probe)
        except OSError:
            fine, took = False, 10.0
        w.must(fine and took < 5, "another agent says hello, opens and reports: %.1f s" % took)
        for i in range(20):
            with open("%s/more%d" % (source, i), "wb") as f:
                f.write(os.urandom(500000))
        try:
            r, took = timed(lambda: w.farkeep("honest", "backup", "main", expect=None, timeout=100))
            w.must(r.returncode == 0 and took < 50, "a backup beside it ends: %.1f s" % took)
            fine, took = timed(lambda: w.restores("honest", source))
            w.must(fine, "a restore beside it ends: %.1f s" % took)
        except Exception as e:  # a timeout of the program, too
            w.must(False, "a backup and a restore beside it end (%s)" % e)
    finally:
        over.set()
        watch.over.set()
        watch.join()
    w.must(watch.highest < MOST_MIB, "the server's memory stays below %d MiB: %d" % (MOST_MIB, watch.highest))
    print("        %d connections of %d agents held, %d of them ended; %d questions of 16,384 ids answered" % (len(kept), AGENTS, len(ended), sum(counted)), flush=True)
    for t in threads:
        t.join()
    for c in kept:
        c.close()


world.run(NET, attack)
