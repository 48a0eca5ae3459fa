"""What the lints share: reading a tree, C++ without comments and strings, findings, and the proof that a lint can fail.

A lint is a function check(root) that yields Finding.  lint.main() runs it over the tree, or with --self-test over the
sample bad/<name>.txt, a small tree full of offences.  There it has to find exactly what the sample's last part, "expect",
lists: no more and no less.
"""
import argparse, os, pathlib, re, sys, tempfile, urllib.parse
from typing import Callable, Iterable, Iterator, NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent

# lib/ from left to right: a module may use itself and what stands left of it.
ORDER = ["base", "platform", "async", "crypto", "config", "chunk", "archive", "wire", "transport", "store", "vault", "agent"]

SKIP_RETURN_CODE = 77  # what ctest takes for "not run"


class Finding(NamedTuple):
    path: str  # relative to the root
    line: int  # 0: the file, or the tree, as a whole
    rule: str
    text: str


def files(root: pathlib.Path, *folders: str, ends: tuple[str, ...] = ()) -> Iterator[pathlib.Path]:
    """The files below these folders of root whose names end so, sorted."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and (not ends or path.name.endswith(ends)):
                yield path


def text_of(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)


def code_of(text: str) -> str:
    """C++ with comments and the insides of literals blanked; offsets and lines stay where they are."""

    def blank(m: re.Match[str]) -> str:
        t = m.group()
        if t[0] == "/":
            return re.sub(r"[^\n]", " ", t)
        return t[0] + re.sub(r"[^\n]", " ", t[1:-1]) + t[-1]

    return TOKEN.sub(blank, text)


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def includes(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, '<' or '"', name) of every #include that is not in a comment."""
    code = code_of(text)
    for m in INCLUDE.finditer(text):
        if code[m.end(1) - 1] == m.group(1):
            yield line_of(text, m.start(1)), m.group(1), m.group(2)


def unpack(sample: str, to: pathlib.Path) -> set[str]:
    """A sample is a list of files, each headed "== path"; what follows is percent-decoded (so that a sample is not itself an
    offence), and a line "@repeat N text" stands for N lines of text.  Returns the lines of the part "expect"."""
    expect: set[str] = set()
    for part in re.split(r"^== ", sample, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        body = re.sub(r"^@repeat (\d+) (.*)$", lambda m: "\n".join([m[2]] * int(m[1])), body, flags=re.M)
        body = urllib.parse.unquote(body)
        if name == "expect":
            expect = {line for line in body.splitlines() if line.strip()}
            continue
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
    return expect


def self_test(name: str, check: Callable[[pathlib.Path], Iterable[Finding]]) -> int:
    with tempfile.TemporaryDirectory(prefix="farkeep-lint.") as folder:
        root = pathlib.Path(folder)
        expect = unpack(text_of(HERE / "bad" / (name + ".txt")), root)
        found = {"%s:%d %s" % f[:3] for f in check(root)}
    for line in sorted(expect - found):
        print("%s: not found: %s" % (name, line))
    for line in sorted(found - expect):
        print("%s: found, but no offence: %s" % (name, line))
    if not expect:
        print("%s: the sample expects nothing" % name)
    return 1 if expect != found or not expect else 0


def main(name: str, check: Callable[[pathlib.Path], Iterable[Finding]]) -> int:
    ap = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--root", type=pathlib.Path, default=TOP, help="the tree to look at")
    ap.add_argument("--self-test", action="store_true", help="look at bad/%s.txt instead" % name)
    a = ap.parse_args()
    if a.self_test:
        return self_test(name, check)
    findings = sorted(set(check(a.root)))
    for f in findings:
        print("%s:%d: %s: %s" % f)
    return 1 if findings else 0
