#!/usr/bin/env -S python3 -B
"""Tables from the lines that compare.py wrote:  report.py RESULTS.jsonl [MORE.jsonl …]  [--yardstick restic,borg]

Each figure is the median of the repetitions during which others took less than 5 % of the machine; where there is none, of all
of them, marked ~ (the last column says how much others took).  Behind wall clock, CPU (client and server together), peak memory
of the client and bytes added stands the ratio to the better of the yardstick's contestants in just that figure: 1.0 is as good
as the best of them, 0.5 takes half.
"""
import argparse, json, sys
from typing import Callable, NamedTuple

QUIET = 0.05
STEPS = {"full": "first backup", "nochange": "second backup, nothing changed", "changed": "third backup, 1 % of small/ or scattered edits of large/",
         "restore": "full restore", "list": "list the newest snapshot", "check": "check of the structure", "verify": "all data read and authenticated"}


def median(values: list[float]) -> float:
    v = sorted(values)
    half = len(v) // 2
    return v[half] if len(v) % 2 else (v[half - 1] + v[half]) / 2


class Figure(NamedTuple):
    title: str
    of: Callable[[dict], float]
    shown: Callable[[float], str]


FIGURES = [
    Figure("wall s", lambda r: r["wall"], lambda v: "%.2f" % v),
    Figure("CPU s", lambda r: r["cpu"] + r["server_cpu"], lambda v: "%.2f" % v),
    Figure("RSS MiB", lambda r: r["rss"], lambda v: "%d" % (v / 2**20)),
    Figure("added MB", lambda r: r["added"], lambda v: "%.2f" % (v / 1e6)),
]


class Line(NamedTuple):
    """One contestant in one step: its medians, in the order of FIGURES."""
    tool: str
    count: int
    quiet: bool
    figures: list[float]
    server_rss: float
    speed: float  # MB of source a second
    foreign: float


def summarise(rows: list[dict]) -> dict[tuple[str, str], list[Line]]:
    """By set and step, the contestants in the order in which they first appear.  Failed steps do not count."""
    groups: dict[tuple[str, str], dict[str, list[dict]]] = {}
    for r in rows:
        if r.get("code") == 0:
            groups.setdefault((r["set"], r["step"]), {}).setdefault(r["tool"], []).append(r)
    table = {}
    for group, tools in groups.items():
        table[group] = []
        for tool, all_rows in tools.items():
            calm = [r for r in all_rows if r["foreign"] < QUIET]
            use = calm or all_rows
            figures = [median([f.of(r) for r in use]) for f in FIGURES]
            speed = use[0]["src"] / figures[0] / 1e6 if figures[0] else 0.0
            table[group].append(Line(tool, len(all_rows), bool(calm), figures, median([r["server_rss"] for r in use]), speed,
                                     median([r["foreign"] for r in use])))
    return table


def ratios(line: Line, others: list[Line], yardstick: set[str]) -> list[float | None]:
    """Each figure against the smallest of the yardstick's; None where there is nothing to compare with."""
    out: list[float | None] = []
    for i, value in enumerate(line.figures):
        best = [o.figures[i] for o in others if o.tool.split(":")[0] in yardstick]
        out.append(value / min(best) if best and min(best) > 0 else None)
    return out


def print_step(dset: str, step: str, lines: list[Line], yardstick: set[str]) -> None:
    print("\n#### %s/: %s\n" % (dset, STEPS[step]))
    print("| contestant | n | " + " | ".join("%s | ratio" % f.title for f in FIGURES) + " | server RSS MiB | MB/s of source | others |")
    print("|" + "---|" * (2 + 2 * len(FIGURES) + 3))
    for line in lines:
        cells = [line.tool, str(line.count)]
        for f, value, ratio in zip(FIGURES, line.figures, ratios(line, lines, yardstick)):
            nothing_added = f.title == "added MB" and step not in ("full", "nochange", "changed")
            cells += ["-", "-"] if nothing_added else [("" if line.quiet else "~") + f.shown(value), "-" if ratio is None else "%.2f" % ratio]
        cells += ["%d" % (line.server_rss / 2**20), "%.0f" % line.speed, "%d%%" % (100 * line.foreign)]
        print("| " + " | ".join(cells) + " |")


def rows_of(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("results", nargs="+")
    ap.add_argument("--yardstick", default="restic,borg")
    a = ap.parse_args()
    rows = []
    for path in a.results:
        rows += rows_of(path)
    table = summarise(rows)
    for dset in dict.fromkeys(r["set"] for r in rows):
        for step in STEPS:
            if (dset, step) in table:
                print_step(dset, step, table[dset, step], set(a.yardstick.split(",")))
    failed = [r for r in rows if r.get("code", 0) != 0]
    wrong = [r for r in rows if r.get("verdict", "identical") == "CONTENT DIFFERS"]
    for r in failed:
        print("\n%s: step %s of %s/ failed with code %d" % (r["tool"], r["step"], r["set"], r["code"]))
    for r in wrong:
        print("\n%s: what it restored of %s/ differs" % (r["tool"], r["set"]))
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
