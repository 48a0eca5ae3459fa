#!/usr/bin/env -S python3 -B
"""What is shown to people goes through one sink, daemon/common/say.hpp (or the log), which makes text of others harmless.

  prints   a file of lib/ or daemon/ that prints by itself: stdio, streams, fmt::print, write(2) to descriptor 1 or 2
"""
import pathlib, re, sys
import lint
from lint import Finding

# The sink; what aborts with words of its own; the generator of manuals, which runs while the program is built.
ALLOWED = re.compile(r"^(daemon/common/say\.cpp|lib/base/check\.cpp|daemon/manual/.*)$")
PRINTS = re.compile(
    r"\b(?:v?f?printf|v?dprintf|perror|puts|putchar|putc|fputs|fputc|fwrite|psignal)[ \t]*\(|"
    r"\bstd::(?:cout|cerr|clog)\b|\b(?:fmt|std)::print(?:ln)?[ \t]*\(|::write[ \t]*\([ \t]*(?:[12]|STDOUT_FILENO|STDERR_FILENO)\b")


def check(root: pathlib.Path):
    for path in lint.files(root, "lib", "daemon", ends=(".hpp", ".cpp")):
        where = str(path.relative_to(root))
        if ALLOWED.match(where):
            continue
        code = lint.code_of(lint.text_of(path))
        for m in PRINTS.finditer(code):
            yield Finding(where, lint.line_of(code, m.start()), "prints", "say_text(), tell_text() or the log instead: they make text of others harmless")


if __name__ == "__main__":
    sys.exit(lint.main("prints", check))
