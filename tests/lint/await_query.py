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


def alike(database: list, paths: list[pathlib.Path]) -> list[list[pathlib.Path]]:
    """These files in batches that the compiler is given the same options for."""
    wanted, groups = set(paths), {}
    for e in database:
        if (p := pathlib.Path(e["file"]).resolve()) in wanted:
            options = re.sub(r" -o \S+", "", e["command"].replace(e["file"], ""))
            groups.setdefault(options, []).append(p)
    return [g[i:i + BATCH] for g in groups.values() for i in range(0, len(g), BATCH)]


def query_batch(root: pathlib.Path, batch: list[pathlib.Path], database: list, build: pathlib.Path) -> dict[pathlib.Path, set[Finding]]:
    """What is found in each file.  All are read as one, so that their headers are read once; one by one only if that finds something."""
    import json, tempfile

    if len(batch) > 1:
        with tempfile.TemporaryDirectory(dir=build, prefix="lint-await-") as scratch:
            together = pathlib.Path(scratch) / "batch.cpp"
            together.write_text("".join('#include "%s"\n' % p for p in batch))
            e = next(e for e in database if pathlib.Path(e["file"]).resolve() == batch[0])
            (together.parent / "compile_commands.json").write_text(json.dumps(
                [{"directory": e["directory"], "file": str(together), "command": e["command"].replace(e["file"], str(together))}]))
            if not query(root, together, together.parent):
                return {p: set() for p in batch}
    return {p: query(root, p, build) for p in batch}


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
    database = json.loads(lint.text_of(build / "compile_commands.json"))
    sources = {pathlib.Path(e["file"]).resolve() for e in database}
    sources = sorted(p for p in sources if p.is_relative_to(root / "lib") or p.is_relative_to(root / "daemon"))
    if not sources:
        yield Finding(str(build / "compile_commands.json"), 0, "parse", "names no source of lib/ or daemon/: is this a build with FARKEEP_UNITY?")
    sources = [p for p in sources if p.exists() and "co_await" in lint.text_of(p)]
    memory = build / "lint-await-clean"
    clean = set(memory.read_text().split()) if memory.exists() else set()
    todo = {p: k for p in sources if (k := key(root, p)) not in clean}
    print("%d files with co_await, %d of them changed" % (len(sources), len(todo)), flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool, memory.open("a") as remember:
        for results in pool.map(lambda b: query_batch(root, b, database, build), alike(database, list(todo))):
            for path, found in results.items():
                if not found:
                    remember.write(todo[path] + "\n")
                    remember.flush()
                yield from found


def check_sample(root: pathlib.Path):
    import json

    root = root.resolve()
    sources = list(lint.files(root, "lib", ends=(".cpp",)))
    # the file that cannot be read has options of its own, so that the others stay in one batch
    database = [{"directory": str(root), "file": str(p), "command": "clang++ -std=c++20 -DIN_%s -c %s" % (p.stem == "broken", p)} for p in sources]
    (root / "compile_commands.json").write_text(json.dumps(database))
    for batch in alike(database, sources):
        for found in query_batch(root, batch, database, root).values():
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
