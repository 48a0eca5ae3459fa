#!/usr/bin/env -S python3 -B
"""Runs backup programs side by side over the same data, each over its own server, and writes a JSON line for every timed step.

  compare.py --work DIR [--scale F] [--reps N] [--sets small,large] [--contestants NAME[:VARIANT],…] [--out FILE] …
  report.py FILE               prints the table

A contestant is an executable contestants/NAME, called with one verb; its environment says where to work:
  VARIANT  what stands behind the colon      SRC   the folder to back up        REPO  an empty folder for the repository
  STATE    its keys, caches, configuration   DST   where to restore to          PORT  a free port of 127.0.0.1
Verbs: prepare (before all, not timed); has-server (exit 0: yes); server (stays in the foreground, ends on SIGTERM); init,
backup, list, restore, check (structure), verify (reads all data).  Exit 77: not applicable, no line.
The contestant farkeep wants FARKEEP_BIN, the folder of the programs.

For each set and repetition every contestant makes two backups of the same tree ("full", "nochange"); the tree is changed once;
then every contestant makes a third ("changed") and restores it.  So contestants alternate, and a slow minute does not fall on
one of them alone.  Before each step everything is synced and the source is in the page cache.  Each first restore is compared
with the source, byte for byte.  Exit code 1: a step failed or a restore differed.
"""
import argparse, json, os, shutil, signal, socket, subprocess, sys, time
import dataset, measure

HERE = os.path.dirname(os.path.abspath(__file__))
NOT_APPLICABLE = 77
BEFORE_CHANGE = ("full", "nochange")
VERBS = {"full": "backup", "nochange": "backup", "changed": "backup", "restore": "restore", "list": "list", "check": "check", "verify": "verify"}


def size_of(folder: str) -> int:
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(at, name)).st_size
            except OSError:
                pass  # a server tidies up
    return total


def read_all(folder: str) -> None:
    """Puts the folder into the page cache."""
    buffer = bytearray(1 << 20)
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb", buffering=0) as f:
                    while f.readinto(buffer):
                        pass


class Contestant:
    """One program with its repository, state and server.  begin() makes them anew, end() removes them."""

    def __init__(self, spec: str, work: str, dst: str | None, port: int):
        self.spec = spec
        self.program, _, variant = spec.partition(":")
        self.base = os.path.join(work, "run", spec.replace(":", "-"))
        self.dst = os.path.join(os.path.abspath(dst), spec.replace(":", "-")) if dst else self.base + "/dst"
        self.env = dict(os.environ, VARIANT=variant, REPO=self.base + "/repo", STATE=self.base + "/state", DST=self.dst, PORT=str(port),
                        HOME=self.base + "/state", LC_ALL="C.UTF-8")
        self.server: subprocess.Popen | None = None
        self.log = None

    def command(self, verb: str) -> list[str]:
        return [os.path.join(HERE, "contestants", self.program), verb]

    def plain(self, verb: str) -> int:
        return subprocess.run(self.command(verb), env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log).returncode

    def must(self, verb: str) -> None:
        if self.plain(verb):
            raise SystemExit("%s: %s failed, see %s/log" % (self.spec, verb, self.base))

    def begin(self, src: str) -> None:
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(self.env["STATE"])
        os.makedirs(self.env["REPO"])
        self.env["SRC"] = src
        self.log = open(self.base + "/log", "ab")
        self.must("prepare")
        self.up()
        self.must("init")
        self.size = size_of(self.env["REPO"])

    def up(self) -> None:
        if self.plain("has-server"):
            return
        self.server = subprocess.Popen(self.command("server"), env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", int(self.env["PORT"])), 0.2).close()
                return
            except OSError:
                if self.server.poll() is not None:
                    break
                time.sleep(0.05)
        raise SystemExit("%s: its server does not listen, see %s/log" % (self.spec, self.base))

    def down(self) -> None:
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait()
            self.server = None

    def end(self) -> None:
        self.down()
        self.log.close()
        for folder in (self.env["REPO"], self.env["STATE"], self.dst):
            shutil.rmtree(folder, ignore_errors=True)

    def step(self, label: str, quiet: float) -> dict | None:
        """Does and measures a step; None: not applicable."""
        if label == "restore":
            shutil.rmtree(self.dst, ignore_errors=True)
        subprocess.run(["sync"])
        measure.wait_for_quiet(quiet)
        cost = measure.run(self.command(VERBS[label]), self.env, self.log, self.server.pid if self.server else None)
        if cost.code == NOT_APPLICABLE:
            return None
        before, self.size = self.size, size_of(self.env["REPO"])
        row = {key: round(value, 3) if isinstance(value, float) else value for key, value in cost._asdict().items()}
        return dict(tool=self.spec, step=label, **row, repo=self.size, added=self.size - before)

    def restored(self) -> list[str]:
        """Where the source's contents may lie after a restore: at the target, or below it under their full path."""
        return [d for d in (self.dst + self.env["SRC"], self.dst) if os.path.isdir(d)]


class Comparison:
    def __init__(self, a: argparse.Namespace):
        self.a = a
        self.work = os.path.abspath(a.work)
        self.data = os.path.abspath(a.data or os.path.join(self.work, "data"))
        self.steps = a.steps.split(",")
        unknown = [s for s in self.steps if s not in VERBS]
        if unknown:
            raise SystemExit("unknown steps: " + ", ".join(unknown))
        self.contestants = [Contestant(s, self.work, a.dst, a.port + i) for i, s in enumerate(a.contestants.split(","))]
        for c in self.contestants:
            if not os.access(c.command("")[0], os.X_OK):
                raise SystemExit("there is no contestant contestants/%s" % c.program)
        self.out = open(a.out, "a", buffering=1)
        self.faults = 0

    def write(self, row: dict) -> None:
        self.out.write(json.dumps(row) + "\n")

    def dataset(self, *words: str) -> None:
        subprocess.run([sys.executable, "-B", os.path.join(HERE, "dataset.py"), *words, "--seed", self.a.seed], check=True, stdout=subprocess.DEVNULL)

    def change(self, dset: str) -> None:
        """The next turn, also counted across runs on kept data: a program that looks at size and time alone would else miss a
        second change with the same time."""
        counter = os.path.join(self.data, "turn-" + dset)
        turn = 1 + (int(open(counter).read()) if os.path.exists(counter) else 0)
        with open(counter, "w") as f:
            f.write(str(turn))
        self.dataset("mutate", self.data, "--turn", str(turn), "--only", dset)

    def timed(self, c: Contestant, label: str, dset: str, rep: int, src_bytes: int) -> None:
        row = c.step(label, self.a.quiet)
        if row is None:
            return
        self.faults += row["code"] != 0
        self.write(dict(set=dset, rep=rep, src=src_bytes, **row))
        print("%-5s %d %-14s %-8s code %d  %7.2f s  cpu %6.2f + %6.2f  rss %4d + %4d MiB  +%8.2f MB  others %2d%%" % (
            dset, rep, c.spec, label, row["code"], row["wall"], row["cpu"], row["server_cpu"], row["rss"] >> 20, row["server_rss"] >> 20,
            row["added"] / 1e6, 100 * row["foreign"]), flush=True)

    def judge(self, c: Contestant, want: tuple, dset: str, rep: int) -> None:
        found = [dataset.digests(d) for d in c.restored()]
        same = max((2 if f[:2] == want[:2] else 1 if f[0] == want[0] else 0 for f in found), default=0)
        verdict = ("CONTENT DIFFERS", "content identical, modes or times differ", "identical")[same]
        self.faults += same == 0
        self.write(dict(set=dset, rep=rep, tool=c.spec, step="restored-tree", verdict=verdict))
        print("      restored by %s: %s" % (c.spec, verdict), flush=True)

    def repetition(self, dset: str, src: str, rep: int) -> None:
        src_bytes = size_of(src)
        for c in self.contestants:
            c.begin(src)
            read_all(src)
            for label in BEFORE_CHANGE:
                if label in self.steps:
                    self.timed(c, label, dset, rep, src_bytes)
            c.down()
        rest = [s for s in self.steps if s not in BEFORE_CHANGE]
        want = None
        if rest:
            self.change(dset)
            src_bytes = size_of(src)
            want = dataset.digests(src) if rep == 1 and "restore" in rest else None
        for c in self.contestants:
            if rest:
                c.up()
                c.size = size_of(c.env["REPO"])  # what the restart wrote belongs to no step
                read_all(src)
                read_all(c.env["REPO"])
            for label in rest:
                self.timed(c, label, dset, rep, src_bytes)
                if label == "restore" and want:
                    self.judge(c, want, dset, rep)
            c.end()

    def run(self) -> int:
        try:
            for dset in self.a.sets.split(","):
                src = os.path.join(self.data, dset)
                if not os.path.isdir(src):
                    self.dataset("create", self.data, "--scale", str(self.a.scale), "--only", dset)
                for rep in range(1, self.a.reps + 1):
                    self.repetition(dset, src, rep)
        finally:
            for c in self.contestants:
                c.down()
        if not self.a.keep_data:
            shutil.rmtree(self.data, ignore_errors=True)
            if not self.faults:
                shutil.rmtree(os.path.join(self.work, "run"), ignore_errors=True)
        return 1 if self.faults else 0


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", required=True, help="for repositories, state and logs")
    ap.add_argument("--data", help="where the source trees lie or are made (default WORK/data); a tmpfs keeps them warm")
    ap.add_argument("--dst", help="where to restore to (default below WORK); a tmpfs leaves the disk out of it")
    ap.add_argument("--scale", type=float, default=1.0, help="1: small/ 1 GB, large/ 4 GiB; below 0.2 start-up cost dominates")
    ap.add_argument("--seed", default="1")
    ap.add_argument("--reps", type=int, default=3)
    ap.add_argument("--sets", default="small,large")
    ap.add_argument("--contestants", default="restic,borg,farkeep")
    ap.add_argument("--steps", default="full,nochange,changed,restore", help="also: list, check, verify")
    ap.add_argument("--out", default="results.jsonl", help="lines are appended")
    ap.add_argument("--port", type=int, default=18800, help="the first of as many ports as there are contestants")
    ap.add_argument("--quiet", type=float, default=15, help="seconds to wait at most for an idle machine before a step")
    ap.add_argument("--keep-data", action="store_true")
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return Comparison(a).run()


if __name__ == "__main__":
    sys.exit(main())
