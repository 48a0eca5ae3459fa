#!/usr/bin/env -S python3 -B
"""Tests run side by side, each with addresses of its own: a block 127.N.0.0/16 belongs to one test program or script.

  shared   an address of a block that another test uses, too

What counts: an address with N above 0 in a test's text, the number after lib.sh of an e2e script, NET of an attack.  The files of one test program share its blocks.
Free are 127.0.0.0/16 (texts that nobody listens at; quickstart, which runs alone), and whatever is below lab, machine and bench: networks of their own, or not run by ctest.
"""
import collections, pathlib, re, sys
import lint
from lint import Finding

SKIP = ("lab", "machine", "bench", "lint", "fuzz")
LITERAL = re.compile(r"(?<![\w.])127\.([1-9][0-9]{0,2})\.(?:[0-9]{1,3}\.[0-9]{1,3})?")
E2E = re.compile(r"^\.\s.*/lib\.sh\"?\s+([0-9]+)\b", re.M)
ATTACK = re.compile(r"^NET\s*=\s*([0-9]+)\b", re.M)
PROGRAM = re.compile(r"farkeep_(test|bench)\(\s*(\w+)\s+SOURCES\s+([^)]*?)\bLINKS\b", re.S)


def programs(root: pathlib.Path) -> dict[pathlib.Path, str]:
    """Of each source of a test program the program's name."""
    out = {}
    for path in lint.files(root, "tests", ends=("CMakeLists.txt", ".cmake")):
        for m in PROGRAM.finditer(lint.text_of(path)):
            for source in m[3].split():
                out[path.parent / source] = m[1] + "_" + m[2]
    return out


def check(root: pathlib.Path):
    program_of = programs(root)
    users = collections.defaultdict(dict)  # block: test: first place
    for path in lint.files(root, "tests", ends=(".cpp", ".hpp", ".sh", ".py")):
        shown = path.relative_to(root)
        if len(shown.parts) > 2 and shown.parts[1] in SKIP:
            continue
        text = lint.text_of(path)
        test = program_of.get(path, str(shown))
        if test.startswith("bench_"):
            continue
        for pattern in (LITERAL, E2E, ATTACK):
            for m in pattern.finditer(text):
                users[int(m[1])].setdefault(test, (str(shown), lint.line_of(text, m.start())))
    for block, tests in users.items():
        places = sorted(tests.items())
        for test, (path, line) in places[1:]:
            yield Finding(path, line, "shared", "127.%d.0.0/16 belongs to %s; the next free one is 127.%d" % (block, places[0][0], next(n for n in range(60, 255) if n not in users)))


if __name__ == "__main__":
    sys.exit(lint.main("addresses", check))
