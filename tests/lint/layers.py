#!/usr/bin/env -S python3 -B
"""lib/ is one total order: a module includes and links only itself and what stands left of it.

  order   an #include or a link to the right, or between vault and agent (only daemon/ sees both)
  name    an include in quotes that is not "module/file.hpp": it would hide which module it reaches
  pure    chunk, archive and wire take bytes and give values: no Asio, no files, no clock, no module but base, crypto and
          one another (archive also the plain structs of platform's headers)
"""
import pathlib, re, sys
import lint
from lint import Finding, ORDER

PURE = {"chunk", "archive", "wire"}
PURE_MAY_USE = {"base", "crypto"} | PURE
IMPURE_HEADER = re.compile(r"boost/asio|(fstream|filesystem)$")
CLOCK = re.compile(r"_clock\s*::\s*now\s*\(")


def reach(module: str, other: str) -> tuple[str, str] | None:
    """Why `module` must not use `other`: rule and text, or None."""
    if other == module:
        return None
    if {module, other} == {"vault", "agent"}:
        return "order", "%s and %s never see each other" % (module, other)
    if ORDER.index(other) > ORDER.index(module):
        return "order", "%s stands right of %s" % (other, module)
    if module in PURE and other not in PURE_MAY_USE and (module, other) != ("archive", "platform"):
        return "pure", "%s is pure and does not use %s" % (module, other)
    return None


def check_source(root: pathlib.Path, module: str, path: pathlib.Path):
    where = str(path.relative_to(root))
    text = lint.text_of(path)
    for line, kind, name in lint.includes(text):
        if kind == '"':
            other = name.split("/")[0]
            if "/" not in name or other not in ORDER:
                yield Finding(where, line, "name", '"%s" is not "module/file.hpp" of a module of lib/' % name)
                continue
            why = reach(module, other)
            if why:
                yield Finding(where, line, why[0], '"%s": %s' % (name, why[1]))
        elif module in PURE and IMPURE_HEADER.search(name):
            yield Finding(where, line, "pure", "<%s> in %s" % (name, module))
    if module in PURE:
        code = lint.code_of(text)
        for m in CLOCK.finditer(code):
            yield Finding(where, lint.line_of(code, m.start()), "pure", "%s asks the clock" % module)


def check_links(root: pathlib.Path, module: str, path: pathlib.Path):
    for number, line in enumerate(lint.text_of(path).splitlines(), 1):
        for other in re.findall(r"farkeep::(\w+)", line.split("#")[0]):
            why = reach(module, other) if other in ORDER else ("name", "there is no module %s" % other)
            if why:
                yield Finding(str(path.relative_to(root)), number, why[0], "links farkeep::%s: %s" % (other, why[1]))


def check(root: pathlib.Path):
    for folder in sorted(p for p in (root / "lib").iterdir() if p.is_dir()):
        if folder.name not in ORDER:
            yield Finding("lib/" + folder.name, 0, "order", "has no place in the order")
            continue
        for path in lint.files(root, "lib/" + folder.name, ends=(".hpp", ".cpp")):
            yield from check_source(root, folder.name, path)
        for path in lint.files(root, "lib/" + folder.name, ends=("CMakeLists.txt", ".cmake")):
            yield from check_links(root, folder.name, path)


if __name__ == "__main__":
    sys.exit(lint.main("layers", check))
