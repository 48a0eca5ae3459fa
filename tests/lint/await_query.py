#!/usr/bin/env -S python3 -B
"""Temporaries that g++ 12 destroys twice, found by clang's parser (see await_text.py for what they are).

  await   a co_await expression below which stands a lambda that holds an object by value, an aggregate made from braces,
          or a class-typed ?: object.  An aggregate inside of a lambda's body is reported too: name it all the same.
  parse   clang could not read the file, so nothing is known about it

Needs clang-query-14 and the compilation database of a build whose generated headers exist: --build DIR.  Without them it
ends with 77, which ctest shows as skipped.  What was found clean is remembered in DIR until the file, a header of ours that
it includes, or a .proto behind one changes.
"""
import hashlib, os, pathlib, re, shutil, subprocess, sys
from typing import Iterable, NamedTuple
import lint
from lint import Finding

TOOL = shutil.which("clang-query-14") or shutil.which("clang-query")
CLASS = "hasType(hasUnqualifiedDesugaredType(recordType(%s)))"
HOLDS_AN_OBJECT = CLASS % ("hasDeclaration(cxxRecordDecl(has(fieldDecl(%s))))" % (CLASS % ""))
MATCHER = "match coawaitExpr(%%s, anyOf(hasDescendant(lambdaExpr(%s)), hasDescendant(initListExpr(%s)), hasDescendant(conditionalOperator(%s))))" % (
    HOLDS_AN_OBJECT, CLASS % "", CLASS % "")
BATCH = 12
FOUND = re.compile(r'^(/.*?):(\d+):\d+: note: "root" binds here\n(.*)$', re.M)


def query(root: pathlib.Path, path: pathlib.Path, build: pathlib.Path) -> set[Finding]:
    """What the matcher finds in this file and in the headers of the tree that it includes."""
    # no escapes, which clang-query reads in its own way: "." for whatever might be special
    ours = 'isExpansionInFileMatching("^%s/(lib|daemon)/")' % re.sub(r"[^\w/]", ".", str(root))
    p = subprocess.run([TOOL, "-p", str(build), "--extra-arg=-w", "-c", "set bind-root true", "-c", "set output diag", "-c", MATCHER % ours, str(path)],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out = {Finding(os.path.relpath(os.path.realpath(m[1]), root), int(m[2]), "await", m[3].strip()) for m in FOUND.finditer(p.stdout)}
    errors = re.findall(r"^.*\berror: .*$", p.stderr, re.M)
    if errors or p.returncode or not re.search(r"^\d+ match", p.stdout, re.M):
        out.add(Finding(os.path.relpath(path, root), 0, "parse", (errors or [p.stderr.strip() or "no answer"])[0]))
    return out


class How(NamedTuple):
    """How a source is compiled: where, and the command with FILE in the place of the source, without its output."""
    directory: str
    command: str


def sources_of(database: list) -> dict[pathlib.Path, How]:
    """Every source that the database compiles, by itself or, with FARKEEP_UNITY, within a batch of CMake's."""
    out = {}
    for e in database:
        file = pathlib.Path(e["file"]).resolve()
        how = How(e["directory"], re.sub(r" -o \S+", "", e["command"].replace(e["file"], "FILE")))
        batch = file.name.startswith("unity_") and file.parent.name == "Unity"
        for p in re.findall(r'^#include "(/[^"]+)"', lint.text_of(file), re.M) if batch else [file]:
            out[pathlib.Path(p).resolve()] = how
    return out


def alike(sources: dict[pathlib.Path, How], paths: Iterable[pathlib.Path]) -> list[list[pathlib.Path]]:
    """These sources in batches that the compiler is given the same options for."""
    groups: dict[How, list[pathlib.Path]] = {}
    for p in paths:
        groups.setdefault(sources[p], []).append(p)
    return [g[i:i + BATCH] for g in groups.values() for i in range(0, len(g), BATCH)]


def query_together(root: pathlib.Path, paths: list[pathlib.Path], how: How, build: pathlib.Path) -> set[Finding]:
    import json, tempfile

    with tempfile.TemporaryDirectory(dir=build, prefix="lint-await-") as scratch:
        database, file = pathlib.Path(scratch) / "compile_commands.json", paths[0]
        if len(paths) > 1:
            file = pathlib.Path(scratch) / "batch.cpp"
            file.write_text("".join('#include "%s"\n' % p for p in paths))
        database.write_text(json.dumps([{"directory": how.directory, "file": str(file), "command": how.command.replace("FILE", str(file))}]))
        return query(root, file, database.parent)


def query_batch(root: pathlib.Path, batch: list[pathlib.Path], how: How, build: pathlib.Path) -> dict[pathlib.Path, set[Finding]]:
    """What is found in each file.  All are read as one, so that their headers are read once; one by one only if that finds something."""
    if len(batch) > 1 and not query_together(root, batch, how, build):
        return {p: set() for p in batch}
    return {p: query_together(root, [p], how, build) for p in batch}


def closure(root: pathlib.Path, path: pathlib.Path, seen: set[pathlib.Path]) -> None:
    if path in seen or not path.exists():
        return
    seen.add(path)
    for _, kind, name in lint.includes(lint.text_of(path)):
        if kind == '"':
            closure(root, path.parent / name if "/" not in name else root / "lib" / name.replace(".pb.h", ".proto"), seen)


def key(root: pathlib.Path, path: pathlib.Path) -> str:
    seen: set[pathlib.Path] = set()
    closure(root, path, seen)
    h = hashlib.sha256(MATCHER.encode())
    for p in sorted(seen):
        h.update(str(p).encode() + b"\0" + p.read_bytes() + b"\0")
    return h.hexdigest()


def check(root: pathlib.Path, build: pathlib.Path, jobs: int):
    import concurrent.futures, json  # here, not above: python3-minimal lacks them, and there this is never called

    root = root.resolve()
    sources = sources_of(json.loads(lint.text_of(build / "compile_commands.json")))
    ours = sorted(p for p in sources if p.is_relative_to(root / "lib") or p.is_relative_to(root / "daemon"))
    if not ours:
        yield Finding(str(build / "compile_commands.json"), 0, "parse", "names no source of lib/ or daemon/")
    ours = [p for p in ours if p.exists() and "co_await" in lint.text_of(p)]
    memory = build / "lint-await-clean"
    clean = set(memory.read_text().split()) if memory.exists() else set()
    todo = {p: k for p in ours if (k := key(root, p)) not in clean}
    print("%d files with co_await, %d of them changed" % (len(ours), len(todo)), flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool, memory.open("a") as remember:
        for results in pool.map(lambda b: query_batch(root, b, sources[b[0]], build), alike(sources, todo)):
            for path, found in results.items():
                if not found:
                    remember.write(todo[path] + "\n")
                    remember.flush()
                yield from found


def check_sample(root: pathlib.Path):
    root = root.resolve()
    # the file that cannot be read has options of its own, so that the others stay in one batch
    sources = {p: How(str(root), "clang++ -std=c++20 -DIN_%s -c FILE" % (p.stem == "broken")) for p in lint.files(root, "lib", ends=(".cpp",))}
    for batch in alike(sources, sources):
        for found in query_batch(root, batch, sources[batch[0]], root).values():
            yield from found


def main() -> int:
    args = sys.argv[1:]
    if TOOL is None:
        print("clang-query-14 is not installed (package clang-tools-14)")
        return lint.SKIP_RETURN_CODE
    if args == ["--self-test"]:
        return lint.self_test("await_query", check_sample)
    if len(args) not in (2, 4) or args[0] != "--build" or args[2:3] not in ([], ["--jobs"]):
        print("usage: await_query.py --self-test | --build DIR [--jobs N]")
        return 2
    build = pathlib.Path(args[1])
    if not (build / "compile_commands.json").exists():
        print("no compilation database in %s" % build)
        return lint.SKIP_RETURN_CODE
    findings = sorted(set(check(lint.TOP, build, int(args[3]) if len(args) == 4 else os.cpu_count() or 1)))
    for f in findings:
        print("%s:%d: %s: %s" % f)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
