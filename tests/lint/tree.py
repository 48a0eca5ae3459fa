#!/usr/bin/env -S python3 -B
"""The shape of the tree, and words that must not be in it.

  top       the top level holds CMakeLists.txt, README.md, the folders daemon lib config systemd tests, and dotfiles;
            build/ is git's to ignore
  path      a path of somebody's machine
  unfinished  a mark of unfinished work in what is shipped: lib daemon config systemd
  length    a source file of lib or daemon above 450 lines, unless a comment in its first 30 says "Long: <why>"
  once      a header without #pragma once
  readme    a module of lib/ without a README.md, or with one above 40 lines: a front page is read, a manual is not
  fuzz      a tests/fuzz/*_fuzz.cpp that tests/fuzz/CMakeLists.txt does not build
  early     COMMAND | grep -q: it ends early, COMMAND by a broken pipe, and under pipefail what was found counts as not found
"""
import pathlib, re, sys
import lint
from lint import Finding

TOP_LEVEL = {"CMakeLists.txt", "README.md", "daemon", "lib", "config", "systemd", "tests"}
SHIPPED = ("lib", "daemon", "config", "systemd")
LONGEST, FRONT_PAGE = 450, 40
# Written so that this file is no finding of its own.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:w[o]rk|tmp/bash[_]jobs[.\w]*|tmp/f[b]-\w+|var/tmp/b[b])(?:/|\b(?!\.))")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b|\bnot (?:yet )?implement[e]d\b", re.I)
# XXXX-XXXX is a placeholder for a token, not a mark; a lower-case "xxx" neither.
PLACEHOLDER = re.compile(r"\bxxx\b")
EXCUSE = re.compile(r"(?://|#).*\bLong: \S+")
ENDS_EARLY = re.compile(r"(?<!\|)\|\s*grep\s+(?:-\S+\s+)*-\w*q")
TEXT = (".hpp", ".cpp", ".txt", ".md", ".py", ".sh", ".cmake", ".ini", ".proto", ".service", ".timer", ".socket", ".conf", ".json", ".in")


def shown(root: pathlib.Path, path: pathlib.Path) -> str:
    return str(path.relative_to(root))


def is_text(path: pathlib.Path) -> bool:
    return path.name.endswith(TEXT) or "." not in path.name


def check_top(root: pathlib.Path):
    ignored = set()
    if (root / ".gitignore").exists():
        ignored = set(re.findall(r"^/([\w.-]+)/$", lint.text_of(root / ".gitignore"), re.M))
    for path in sorted(root.iterdir()):
        if not path.name.startswith(".") and path.name not in TOP_LEVEL | ignored:
            yield Finding(path.name, 0, "top", "has no place at the top level")


def check_words(root: pathlib.Path):
    everywhere = [*lint.files(root, *SHIPPED, "tests", ".ci"), *(root / n for n in TOP_LEVEL if (root / n).is_file())]
    for path in filter(is_text, everywhere):
        shipped = path.relative_to(root).parts[0] in SHIPPED
        for number, line in enumerate(lint.text_of(path).splitlines(), 1):
            for m in MACHINE_PATH.finditer(line):
                yield Finding(shown(root, path), number, "path", "'%s' exists on one machine only" % m.group())
            for m in UNFINISHED.finditer(line) if shipped else ():
                if not PLACEHOLDER.fullmatch(m.group()):
                    yield Finding(shown(root, path), number, "unfinished", "'%s': finish it, or say in the README what falls short" % m.group())


def check_sources(root: pathlib.Path):
    for path in lint.files(root, "lib", "daemon", ends=(".hpp", ".cpp")):
        lines = lint.text_of(path).splitlines()
        if len(lines) > LONGEST and not any(EXCUSE.search(l) for l in lines[:30]):
            yield Finding(shown(root, path), len(lines), "length", "%d lines: split it by verb, or say why not" % len(lines))
    for path in lint.files(root, "lib", "daemon", "tests", ends=(".hpp",)):
        if not re.search(r"^#pragma once$", lint.code_of(lint.text_of(path)), re.M):
            yield Finding(shown(root, path), 0, "once", "no #pragma once")


def check_modules(root: pathlib.Path):
    for folder in sorted(p for p in (root / "lib").iterdir() if p.is_dir()):
        page = folder / "README.md"
        if not page.exists():
            yield Finding(shown(root, folder), 0, "readme", "no README.md: what it is, what it is not, its invariants")
        elif len(lint.text_of(page).splitlines()) > FRONT_PAGE:
            yield Finding(shown(root, page), 0, "readme", "more than %d lines" % FRONT_PAGE)


def check_fuzz(root: pathlib.Path):
    listing = root / "tests/fuzz/CMakeLists.txt"
    listed = lint.text_of(listing) if listing.exists() else ""
    for path in lint.files(root, "tests/fuzz", ends=("_fuzz.cpp",)):
        if not re.search(r"^farkeep_fuzz_target\(%s\b" % path.name.removesuffix("_fuzz.cpp"), listed, re.M):
            yield Finding(shown(root, path), 0, "fuzz", "is not built by tests/fuzz/CMakeLists.txt")


def check_scripts(root: pathlib.Path):
    for path in lint.files(root, "tests", "config", ends=(".sh",)):
        for number, line in enumerate(lint.text_of(path).splitlines(), 1):
            if ENDS_EARLY.search(line):
                yield Finding(shown(root, path), number, "early", "grep -q ends before its input does: grep -q WORDS <<<\"$(COMMAND)\"")


def check(root: pathlib.Path):
    for part in (check_top, check_words, check_sources, check_modules, check_fuzz, check_scripts):
        yield from part(root)


if __name__ == "__main__":
    sys.exit(lint.main("tree", check))
