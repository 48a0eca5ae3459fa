#!/usr/bin/env -S python3 -B
"""What is neither standard C++ nor a portable library stays in files whose names say for which system they are written.

  header   a POSIX or Linux header outside of a file with a suffix _posix, _linux, _macos, _bsd or _win32 (or with one, but a
           header file that callers of other modules could include: those live in lib/platform)
  ifdef    a question for the system's name (#ifdef __linux__) outside of such a file: CMake chooses the body instead
"""
import pathlib, re, sys
import lint
from lint import Finding

SUFFIX = re.compile(r"_(posix|linux|macos|bsd|win32)\.(cpp|hpp)$")
HEADER = re.compile(
    r"(sys|netinet|netpacket|arpa|net|linux|asm|bits|acl|attr)/|"
    r"(unistd|fcntl|poll|dirent|pwd|grp|shadow|netdb|termios|dlfcn|pthread|sched|spawn|syslog|ifaddrs|semaphore|mntent|ftw|fts|"
    r"glob|fnmatch|utime|libgen|strings|langinfo|regex|wordexp|aio|mqueue|ucontext|execinfo|elf|link|pty|utmp|utmpx|alloca|err|"
    r"error|getopt|features|winsock2?|windows|io|direct)\.h$|boost/asio/posix/")
SYSTEM = re.compile(r"^[ \t]*#[ \t]*(?:el)?if.*\b(?:__linux__|__linux|__unix__|__APPLE__|__FreeBSD__|_WIN32|_WIN64|_POSIX_\w+)\b", re.M)


def check(root: pathlib.Path):
    for path in lint.files(root, "lib", "daemon", ends=(".hpp", ".cpp")):
        where = path.relative_to(root)
        if SUFFIX.search(path.name) and (path.suffix == ".cpp" or where.parts[:2] == ("lib", "platform")):
            continue
        text = lint.text_of(path)
        for line, _, name in lint.includes(text):
            if HEADER.match(name):
                yield Finding(str(where), line, "header", "<%s>: use lib/platform, or a file with a suffix _posix or _linux" % name)
        code = lint.code_of(text)
        for m in SYSTEM.finditer(code):
            yield Finding(str(where), lint.line_of(code, m.start()), "ifdef", "a body by suffix, chosen in CMake, instead")


if __name__ == "__main__":
    sys.exit(lint.main("platform_headers", check))
