#!/usr/bin/env -S python3 -B
"""Temporaries that g++ 12 destroys twice, found in the text.

In a full expression that contains a co_await anywhere, g++ 12 destroys some temporaries twice: aggregates from braces,
lambdas that capture by value, and class-typed ?: objects.  No warning, at every optimisation level; a double free at best.
The habit: name it, then await it.

  capture     a lambda that captures by value ([x], [=], [p = std::move(p)]) in a statement with co_await
  aggregate   braces with designated members ({.host = h}) in a statement with co_await

This sees the two forms that are plain in the text and needs nothing but the text; await_query.py asks a compiler.
"""
import pathlib, re, sys
import lint
from lint import Finding

AWAIT = re.compile(r"\bco_(?:await|yield)\b")
CONDITION = re.compile(r"\b(?:if|while|for|switch|constexpr)\s*$")
# What stands before a "{" that begins a block and not an initialiser.
BLOCK = re.compile(r"(?:^|[;{}:)\]]|\b(?:else|do|try|const|noexcept|mutable|override|final)|>\s|->\s*[\w:<>,\s*&]+)\s*$")
LAMBDA = re.compile(r"(?<![\w\])>\[])\s*\[(?!\[)([^\[\]]*)\](?=\s*(?:\(|\{|mutable\b|noexcept\b|->|<))")
DESIGNATED = re.compile(r"\{\s*\.\w+\s*[={]")


def opens_block(code: str, at: int) -> bool:
    return BLOCK.search(code, max(0, at - 200), at) is not None


def begin_of(code: str, at: int) -> tuple[int, int]:
    """Where the full expression around `at` begins, and how many brackets are open between there and `at`."""
    depth = opened = 0
    i = at - 1
    while i >= 0:
        c = code[i]
        if c in ")]}":
            if c == "}" and depth == 0 and re.match(r"\s*(?![\s,;.)\]}])", code[i + 1:i + 40]) and code[i + 1:i + 2] in " \n":
                return i + 1, opened  # the end of the block before, not of an initialiser
            depth += 1
        elif c in "([{":
            if depth == 0:
                if c == "{" and opens_block(code, i):
                    return i + 1, opened
                if c == "(" and CONDITION.search(code, max(0, i - 20), i):
                    return i + 1, opened
                opened += 1
            else:
                depth -= 1
        elif c == ";" and depth == 0:
            return i + 1, opened
        i -= 1
    return 0, opened


def end_of(code: str, at: int, opened: int) -> int:
    """Where it ends: at its semicolon, or where more brackets close than are open."""
    depth = opened
    for i in range(at, len(code)):
        c = code[i]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth < 0:
                return i
        elif c == ";" and depth <= 0:
            return i
    return len(code)


def without_bodies(code: str, begin: int, end: int) -> str:
    """The expression with the bodies of its lambdas blanked: their statements are expressions of their own."""
    out, i = list(code[begin:end]), begin
    while i < end:
        if code[i] == "{" and opens_block(code, i):
            depth, j = 1, i + 1
            while j < end and depth:
                depth += {"{": 1, "}": -1}.get(code[j], 0)
                j += 1
            out[i + 1 - begin:j - 1 - begin] = [c if c == "\n" else " " for c in code[i + 1:j - 1]]
            i = j
        else:
            i += 1
    return "".join(out)


def by_value(captures: str) -> bool:
    items = [c.strip() for c in re.sub(r"\([^()]*\)|\{[^{}]*\}|<[^<>]*>", "", captures).split(",")]
    return any(item and not item.startswith("&") and item != "this" for item in items)


def check_text(where: str, text: str):
    code = lint.code_of(text)
    for m in AWAIT.finditer(code):
        begin, opened = begin_of(code, m.start())
        expression = without_bodies(code, begin, end_of(code, m.end(), opened))
        for l in LAMBDA.finditer(expression):
            if by_value(l.group(1)):
                yield Finding(where, lint.line_of(code, begin + l.start(1)), "capture", "[%s] beside co_await: name the lambda, then await" % " ".join(l.group(1).split()))
        for d in DESIGNATED.finditer(expression):
            yield Finding(where, lint.line_of(code, begin + d.start()), "aggregate", "%s beside co_await: name the object, then await" % " ".join(d.group().split()))


def check(root: pathlib.Path):
    for path in lint.files(root, "lib", "daemon", "tests", ends=(".hpp", ".cpp")):
        yield from check_text(str(path.relative_to(root)), lint.text_of(path))


if __name__ == "__main__":
    sys.exit(lint.main("await_text", check))
