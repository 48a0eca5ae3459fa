#!/usr/bin/env -S python3 -B
"""Writes tests/vectors/config/malformed.txt: wrong configurations of agents and servers, each with the place and a part of the message it must give.

The keys come from config/agent.ini and config/server.ini, which a test holds equal to the schemas; what is wrong with a value of which type is written
here by hand, and so are the last rows.  Run after a key was added: python3 tests/unit/config/malformed.py
"""
import pathlib, re

TREE = pathlib.Path(__file__).resolve().parents[3]
OUT = TREE / "tests/vectors/config/malformed.txt"

BAD = {
    "label": [("my machine", "is not a name"), ("a/b", "is not a name"), (r"\{129:a}", "is not a name"), ("it's", "is not a name")],
    "path": [("home", "is not an absolute path"), ("~/x", "is not an absolute path"), ("/srv/../etc", "holds '..'"), ("'/srv'", "is not an absolute path"),
             (r"/\{65536:a}", "longer than 64 KiB")],
    "duration": [("10", "is not a duration"), ("1.5h", "is not a duration"), ("-5s", "is not a duration"), ("5 minutes", "is not a duration"),
                 ("9999999999w", "is longer than 3660d")],
    "size": [("lots", "is not a size"), ("1.5GiB", "is not a size"), ("10G", "powers of 1000 or of 1024"), ("9999999999TiB", "is too large"), ("-1", "is not a size")],
    "number": [("many", "is not a whole number"), ("-1", "is not a whole number"), ("1e3", "is not a whole number"), ("999999999", "is not a whole number"),
               ("0x10", "is not a whole number")],
    "boolean": [("maybe", "is neither yes nor no"), ("Yes", "is neither yes nor no"), ("2", "is neither yes nor no"), ("enabled", "is neither yes nor no")],
    "server": [("localhost", "by IP address, not by name"), ("300.1.2.3", "is not an IP address"), ("192.0.2.1:0", "the port is not a number"), ("[::1", "']' is missing"),
               ("224.0.0.1", "multicast"), ("0.0.0.0", "an address to listen on"), ("192.0.2.1/24", "is not an IP address")],
    "listen": [("localhost", "by IP address, not by name"), ("1.2.3", "is not an IP address"), ("0.0.0.0:65536", "the port is not a number"), ("[::]16384", "write [ipv6]:port"),
               ("fe80::1%eth0", "zone id")],
    "proxy": [("fw_example:1080", "neither an IP address nor a name"), ("fw..example.net", "neither an IP address nor a name"), ("fw.example.net:0", "the port is not a number"),
              ("http://proxy:3128", "neither an IP address nor a name"), ("-fw", "neither an IP address nor a name")],
    "mapping": [("192.0.2.10", "is not a mapping"), ("192.0.2.10 -> fw:40001", "is not a mapping"), ("backup.example.net via fw:40001", "not by name"),
                ("192.0.2.10 via fw.example.net", "has no port"), ("192.0.2.10 via 192.0.2.10:16384", "maps the destination to itself")],
    "port_range": [("1024", "is not a range"), ("1024-", "is not a range"), ("5000-1024", "ends before it begins"), ("80-90", "leaves the range"), ("a-b", "is not a range")],
    "secret": [("two words", "the secret must be"), (r"\xff", "the secret must be"), (r"\{4097:a}", "the secret must be")],
    "login": [("a:b", "no ':'"), (r"j\xfcrgen", "is not in UTF-8"), (r"\xed\xa0\x80", "is not in UTF-8"), (r"a\xc0\xba", "is not in UTF-8"), (r"\{256:a}", "user:"), (r'"a\\nb"', "user:")],
    "command": [(r'"a\\nb"', "the command must be one line")],
    "schedule": [("nightly", "is not a schedule"), ("every day", "is not a duration"), ("daily 24:00", "the hour is 0 to 23"), ("every 30s", "is not between 1m and 52w"),
                 ("mon..", "write days as Mon..Fri"), ("2027-13-01", "the month is 1 to 12"), ("02:30 Berlin", "did you mean Europe/Berlin?")],
    "span": [("22:00", "is no stretch of time"), ("day 22:00-06:00", "is no stretch of time"), ("22:00-22:00", "is empty"), ("mon, 22:00-06:00", "is no stretch of time"),
             ("24:00-06:00", "is no stretch of time")],
    "rate": [("5", "is not a rate"), ("fast", "is not a rate"), ("mon-fri 5Mbit", "is no stretch of time"), ("0kbit", "is out of range"), ("22:00 5Mbit", "is no stretch of time")],
    "time_zone": [("Berlin", "did you mean Europe/Berlin?"), ("europe/berlin", "did you mean Europe/Berlin?"), ("Mars/Olympus", "there is no time zone")],
    "pattern": [("/", "names no file"), ("[a", "a '[' is not closed"), ("a/./b", "has the component '.'"), ("[z-a]", "is backwards"), ('"#a"', "is a comment to exclude rules"),
                ("[[:foo:]]", "there is no class")],
    "include": [("../x.ini", "holds '..'"), ("/etc/*/x.ini", "has * before its last part"), ("jobs.d/", "names a folder"), ("gone.ini", "there is no such file"),
                ("/gone/too.ini", "there is no such file"), ("agent.ini", "in a circle"), ('"a\\\\nb"', "holds a control character")],
    "command_source": [(r'"a: b\\nc"', "the command must be one line"), ('"main.sql: "', "the command must be 1 to 4096 bytes")],
    "file_name": [("a/b", "is not the name of a file"), ("..", "is not the name of a file"), (r"\{256:a}", "is not the name of a file"), (r'"a\\nb"', "is not the name of a file")],
    "url": [("chat.example.org", "is not an address to call"), ("ftp://example.org/x", "is not an address to call"), ("https://", "is not an address to call"),
            ("https:///x", "is not an address to call"), ("https://example.org/a b", "is not an address to call")],
    "mail": [("backup", "is not a mail address"), ("a@b@c", "is not a mail address"), ("a@b, c@d", "is not a mail address"), ("-t@example.org", "is not a mail address"),
             ("<a@example.org>", "is not a mail address")],
    "duration_or_never": [("10", "such as 90s or 4h, or never"), ("Never", "is not a duration"), ("none", "is not a duration"), ("0s", "is less than 60s"),
                          ("9999999999w", "is longer than 3660d")],
    "choice": [("nonsense", "is not "), ("0", "is not "), ("AUTO", "is not ")],
}
TYPE = {
    "path": "public_key_file state ca_file token_file password_file path exclude_file data metrics_file sendmail", "label": "name tag bundle digest", "number": "upload_threads max_connections nice",
    "choice": "log_level log_format mode version compression ionice when", "server": "server address", "listen": "listen metrics_listen", "proxy": "proxy", "mapping": "destination",
    "port_range": "source_ports", "secret": "token password", "login": "user", "command": "token_command password_command before after after_failure finally", "schedule": "schedule", "span": "window",
    "rate": "upload download", "time_zone": "time_zone", "pattern": "exclude", "include": "file", "size": "agent_quota segment_size exclude_larger_than memory", "file_name": "exclude_if_present ignore_file", "url": "ping webhook", "mail": "mail",
    "duration": "connect_timeout progress_timeout reply_timeout jitter retry_for hook_timeout mirror_interval mirror_backoff",
    "duration_or_never": "overdue_after",
    "boolean": "enabled one_file_system exclude_caches catch_up",
}
TYPE_OF = {key: kind for kind, keys in TYPE.items() for key in keys.split()}
TYPE_IN = {("job", "command"): "command_source", ("notify", "command"): "command", ("notify", "proxy"): "url"}


def type_of(section: str, key: str) -> str:
    return TYPE_IN.get((section, key)) or TYPE_OF[key]


class Key:
    def __init__(self, name: str, text: str, value: str):
        self.name, self.value = name, value
        self.required, self.repeatable = "Required." in text, "May be repeated." in text


def schema(program: str) -> dict[str, list[Key]]:
    """The sections of a sample, each with its keys."""
    out: dict[str, list[Key]] = {}
    words, keys = "", []
    for line in (TREE / "config" / (program + ".ini")).read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"#?\[(\w+)[^]]*\]", line):
            keys = out[header.group(1)] = []
        elif setting := re.fullmatch(r"#(\w+) = (.*)", line):
            keys.append(Key(setting.group(1), words, setting.group(2)))
        words = words + line[1:] if line.startswith("# ") else ""
    return out


def distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, row = row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(last[j] + (x != y), last[j + 1] + 1, row[j] + 1))
    return row[-1]


def near(word: str, names: list[str]) -> str | None:
    best = [(distance(word, n), i, n) for i, n in enumerate(names) if distance(word, n) < min(4, len(word), len(n))]
    return min(best)[2] if best else None


class Program:
    """What must stand around a line so that nothing else is wrong."""

    def __init__(self, name: str):
        self.name, self.main, self.sections = name, name + ".ini", schema(name)

    def header(self, section: str) -> str:
        return "[job a]" if section == "job" else "[%s]" % section

    def beside(self, section: str, key: str) -> list[str]:
        if section == "job":
            return [] if key == "path" else ["path = /a"]
        if section == "registration":
            return [line for line in ("server = 192.0.2.1", "ca_file = /ca.pem") if not line.startswith(key + " ")]
        if section in ("socks", "http") and key.startswith("password"):
            return ["user = backup"]
        if section in ("socks", "http") and key == "user":
            return ["password = XXXX"]
        return []

    def rest(self, section: str) -> list[str]:
        if self.name == "agent" and section != "registration":
            return ["[registration]", "server = 192.0.2.1", "ca_file = /ca.pem"]
        return []

    def text(self, section: str, key: str, *lines: str) -> tuple[str, int]:
        """The whole file with these lines last in their section, and the number of the last of them."""
        head = [self.header(section), *self.beside(section, key), *lines]
        return r"\n".join(head + self.rest(section)) + r"\n", len(head)


def rows(program: Program):
    """name of the file with the mistake, its line, a part of the message, and files as name=text."""
    main, sections = program.main, program.sections
    drop_in, included = main + ".d/50-local.ini", "more.ini"
    yield "# %s: sections" % program.name
    for section in sections:
        for wrong in (section[:-1], section + "x", section[1] + section[0] + section[2:]):
            name = program.header(section).replace(section, wrong, 1)
            yield main, 1, "unknown section %s: did you mean %s?" % (name, near(wrong, list(sections))), [(main, r"\n".join([name, *program.rest("")]))]
        yield main, 1, "']' is missing", [(main, r"\n".join([program.header(section)[:-1], *program.rest("")]))]
        yield main, 1, "a section's kind", [(main, r"\n".join([program.header(section).upper(), *program.rest("")]))]
        if section != "job":
            yield main, 1, "takes no name", [(main, r"\n".join(["[%s a]" % section, *program.rest("")]))]
    for section, keys in sections.items():
        yield "# %s: [%s]" % (program.name, section)
        names = [k.name for k in keys]
        for k in keys:
            header, n = program.header(section), len(program.beside(section, k.name)) + 2
            value = "/etc/farkeep/%s" % k.name if type_of(section, k.name) == "path" else "jobs.d/*.ini" if k.name == "file" else k.value
            good = "%s = %s" % (k.name, value)
            text, line = program.text(section, k.name, good)
            yield "-", 0, "", [(main, text)]
            for bad, part in BAD[type_of(section, k.name)]:
                text, line = program.text(section, k.name, "%s = %s" % (k.name, bad.replace("agent.ini", main)))
                yield main, line, part, [(main, text)]
            middle = len(k.name) // 2
            for wrong in (k.name[:middle] + k.name[middle + 1:], k.name + "x", k.name[:middle] + "z" + k.name[middle:]):
                if wrong in names:
                    continue
                text, line = program.text(section, k.name, "%s = %s" % (wrong, value))
                yield main, line, 'unknown key "%s" in [%s]: did you mean %s?' % (wrong, section, near(wrong, names)), [(main, text)]
            if not k.repeatable:
                text, line = program.text(section, k.name, good, good)
                yield main, line, "%s was given already in line %d" % (k.name, line - 1), [(main, text)]
            text, line = program.text(section, k.name, "%s =" % k.name)
            yield main, line, k.name + " has no value", [(main, text)]
            text, line = program.text(section, k.name, '%s = "%s' % (k.name, value))
            yield main, line, "the quote is not closed", [(main, text)]
            text, line = program.text(section, k.name, "%s: %s" % (k.name, value))
            yield main, line, "not key: value", [(main, text)]
            text, line = program.text(section, k.name, "  " + good)
            yield main, line, "this line is indented", [(main, text)]
            for other, others in sections.items():
                if all(o.name != k.name for o in others) and other not in ("job", "include"):
                    hint = near(k.name, [o.name for o in others])
                    home = next(s for s, ks in sections.items() if any(o.name == k.name for o in ks))
                    text, line = program.text(other, "", good)
                    yield main, line, 'unknown key "%s" in [%s]: %s' % (k.name, other, "did you mean %s?" % hint if hint else "it belongs to [%s]" % home), [(main, text)]
                    break
            # The same beyond the main file: the message names the other one.
            bad, part = BAD[type_of(section, k.name)][0]
            text, line = program.text(section, k.name, good)
            yield drop_in, 2, part, [(main, text), (drop_in, r"%s\n%s = %s" % (header, k.name, bad))]
            wrong = k.name + "x"
            yield drop_in, 3, "did you mean %s?" % near(wrong, names), [(main, text), (drop_in, r"# local\n%s\n%s = %s" % (header, wrong, value))]
            if section != "include":
                with_include = r"[include]\nfile = %s\n" % included + text
                yield included, 2, part, [(main, with_include), (included, r"%s\n%s = %s" % (header, k.name, bad))]
                yield included, 3, k.name + " has no value", [(main, with_include), (included, r"%s\n\n%s = # nothing\n" % (header, k.name))]
            if not k.repeatable:
                yield drop_in, 2, k.name + " has no value", [(main, text), (drop_in, r"%s\n%s =" % (header, k.name))]
            if k.required:
                lines = [header, *program.beside(section, k.name)]
                yield main, 1, "the key %s is missing in %s" % (k.name, header), [(main, r"\n".join(lines + program.rest(section)))]


LEAST = r"[registration]\nserver = 192.0.2.1\nca_file = /ca.pem\n"
BY_HAND = [
    "# by hand: bytes and lines",
    ("agent", "agent.ini.d/a.ini", 0, "UTF-16", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=\xff\xfe[\x00a\x00]\x00"]),
    ("agent", "agent.ini.d/a.ini", 2, "NUL byte", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\nname = a\x00b"]),
    ("agent", "agent.ini.d/a.ini", 2, "control character", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\nname = \x1b[31mred"]),
    ("agent", "agent.ini.d/a.ini", 3, "carriage return", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\r\n\r\nname = a\rb\r\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "longer than 64 KiB", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\nname = \{65530:a}"]),
    ("agent", "agent.ini.d/a.ini", 0, "larger than 1 MiB", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=\{1048577:#}"]),
    ("agent", "agent.ini.d/a.ini", 10001, "more than 10000 lines", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=\{10001:\n}"]),
    ("agent", "agent.ini.d/a.ini", 1, "before the first section", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=name = a\n"]),
    ("agent", "agent.ini.d/a.ini", 1, "before the first section", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=\xef\xbb\xbfname = a\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "a key is made of", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\n\xef\xbb\xbfname = a"]),
    ("agent", "agent.ini.d/a.ini", 3, "opened already in line 1", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\nname = a\n[agent]\n"]),
    ("agent", "more.ini", 2, "'=' is missing", ["agent.ini=" + LEAST + r"[include]\nfile = more.ini\n", r"more.ini=[agent]\nname web1\n"]),
    ("server", "server.ini.d/a.ini", 2, "NUL byte", ["server.ini=", r"server.ini.d/a.ini=[server]\nname = a\x00b"]),
    ("server", "server.ini.d/a.ini", 0, "UTF-16", ["server.ini=", r"server.ini.d/a.ini=\xfe\xff\x00["]),
    "# by hand: include",
    ("agent", "agent.ini", 0, "there is no such file", []),
    ("server", "server.ini", 0, "there is no such file", []),
    ("agent", "agent.ini", 2, "there is no such file", [r"agent.ini=[include]\nfile = jobs.ini\n" + LEAST]),
    ("agent", "agent.ini", 3, "there is no such file", [r"agent.ini=[include]\nfile = none.d/*.ini\nfile = /etc/other/jobs.ini\n" + LEAST, r"jobs.ini="]),
    ("agent", "agent.ini", 3, "it is the same as in line 2", [r"agent.ini=[include]\nfile = jobs.ini\nfile = ./jobs.ini\n" + LEAST, "jobs.ini="]),
    ("agent", "b.ini", 2, "/etc/farkeep/agent.ini:2 -> /etc/farkeep/a.ini:2 -> /etc/farkeep/b.ini:2 -> /etc/farkeep/a.ini",
     [r"agent.ini=[include]\nfile = a.ini\n" + LEAST, r"a.ini=[include]\nfile = b.ini\n", r"b.ini=[include]\nfile = a.ini\n"]),
    ("agent", "b.ini", 2, "in a circle: /etc/farkeep/agent.ini:2 -> /etc/farkeep/a.ini:2 -> /etc/farkeep/b.ini:2 -> /etc/farkeep/c.ini, which is /etc/farkeep/a.ini",
     [r"agent.ini=[include]\nfile = a.ini\n" + LEAST, r"a.ini=[include]\nfile = b.ini\n", r"b.ini=[include]\nfile = c.ini\n", "c.ini->a.ini"]),
    ("agent", "agent.ini.d/a.ini", 2, "in a circle: /etc/farkeep/agent.ini.d/a.ini:2 -> /etc/farkeep/more.ini, which is /etc/farkeep/agent.ini.d/a.ini",
     ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[include]\nfile = /etc/farkeep/more.ini\n", "more.ini->agent.ini.d/a.ini"]),
    ("server", "server.ini", 2, "in a circle: /etc/farkeep/server.ini:2 -> /etc/farkeep/sub/server.ini, which is /etc/farkeep/server.ini",
     [r"server.ini=[include]\nfile = sub/server.ini\n", "sub/server.ini->server.ini"]),
    ("agent", "agent.ini", 2, "do not include it", [r"agent.ini=[include]\nfile = agent.ini.d/a.ini\n" + LEAST, "agent.ini.d/a.ini="]),
    ("agent", "agent.ini", 2, "do not include it", [r"agent.ini=[include]\nfile = agent.ini.d/*.ini\n" + LEAST, "agent.ini.d/a.ini="]),
    ("agent", "agent.ini.d/a.ini", 2, "do not include it", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[include]\nfile = b.ini\n", "agent.ini.d/b.ini="]),
    ("agent", "i8.ini", 2, "more than 8 deep", [r"agent.ini=[include]\nfile = i1.ini\n" + LEAST, *[r"i%d.ini=[include]\nfile = i%d.ini\n" % (i, i + 1) for i in range(1, 9)], "i9.ini="]),
    ("agent", "sub/a.ini", 2, "/etc/farkeep/sub/more.ini: there is no such file", [r"agent.ini=[include]\nfile = sub/a.ini\n" + LEAST, r"sub/a.ini=[include]\nfile = more.ini\n", "more.ini="]),
    ("agent", "agent.ini", 2, "file has no value", [r"agent.ini=[include]\nfile =\n" + LEAST]),
    ("agent", "agent.ini.d/a.ini", 2, "file has no value", [r"agent.ini=[include]\nfile = jobs.d/*.ini\n" + LEAST, r"agent.ini.d/a.ini=[include]\nfile =\n"]),
    ("server", "server.ini.d/a.ini", 2, "there is no such file", ["server.ini=", r"server.ini.d/a.ini=[include]\nfile = x.ini\n"]),
    "# by hand: what only several files together show",
    ("agent", "agent.ini.d/a.ini", 2, "path has no value", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[job a]\npath =\npath = /a\n"]),
    ("agent", "agent.ini.d/a.ini", 3, "write this line before the others of path", ["agent.ini=" + LEAST + r"[job a]\npath = /x\n", r"agent.ini.d/a.ini=[job a]\npath = /a\npath =\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "this line takes out what earlier files said", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[registration]\nserver =\n"]),
    ("agent", "agent.ini", 4, "the key path is missing in [job a], or a command", ["agent.ini=" + LEAST + r"[job a]\npath = /a\n", r"agent.ini.d/a.ini=[job a]\npath =\n"]),
    ("agent", "agent.ini.d/a.ini", 1, "the key path is missing in [job b]", ["agent.ini=" + LEAST + r"[job a]\npath = /a\n", r"agent.ini.d/a.ini=[job b]\nschedule = hourly\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "is the same as in /etc/farkeep/agent.ini:5", ["agent.ini=" + LEAST + r"[job a]\npath = /a\n", r"agent.ini.d/a.ini=[job a]\npath = /a/\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "is the same as in /etc/farkeep/agent.ini:2", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[registration]\nserver = 192.0.2.1:16384\n"]),
    ("agent", "agent.ini.d/a.ini", 3, "this is a third", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[registration]\nserver = 192.0.2.2\nserver = 192.0.2.3\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "only one of token, token_file", ["agent.ini=" + LEAST + "token = abc", r"agent.ini.d/a.ini=[registration]\ntoken_file = /t\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "needs a proxy: write [socks]", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[connection]\nmode = socks\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "is mapped in /etc/farkeep/agent.ini:5 already",
     ["agent.ini=" + LEAST + r"[mapped]\ndestination = 192.0.2.10 via fw:40001\n", r"agent.ini.d/a.ini=[mapped]\ndestination = 192.0.2.10 via fw:40002\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "is that of /etc/farkeep/agent.ini:5",
     ["agent.ini=" + LEAST + r"[mapped]\ndestination = 192.0.2.10 via fw:40001\n", r"agent.ini.d/a.ini=[mapped]\ndestination = 192.0.2.11 via fw:40001\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "there is no user that it belongs to", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[socks]\npassword = secret\n"]),
    ("agent", "agent.ini.d/a.ini", 3, "there is no user that it belongs to", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[http]\nproxy = fw\npassword_file = /p\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "there is no user that it belongs to",
     ["agent.ini=" + LEAST + r"[socks]\nproxy = fw\n", r"agent.ini.d/a.ini=[socks]\npassword_command = pass proxy\n"]),
    ("agent", "agent.ini", 2, "SOCKS 4 cannot reach IPv6",
     [r"agent.ini=[registration]\nserver = 2001:db8::1\nca_file = /ca.pem\n", r"agent.ini.d/a.ini=[connection]\nmode = socks\n[socks]\nproxy = fw\nversion = 4\n"]),
    ("agent", "agent.ini.d/b.ini", 2, "is not a name", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\nname = a\n", r"agent.ini.d/b.ini=[agent]\nname = a b\n"]),
    ("agent", "agent.ini.d/a.ini", 2, "is not a name", ["agent.ini=" + LEAST, r"agent.ini.d/a.ini=[agent]\nname = a b\n", r"agent.ini.d/b.ini=[agent]\nname = a\n"]),
    ("agent", "agent.ini", 0, "the key ca_file in [registration] is missing", ["agent.ini=", r"agent.ini.d/a.ini=[agent]\nname = a\n"]),
    ("server", "server.ini.d/a.ini", 2, "mirror_backoff is shorter than mirror_interval", [r"server.ini=[partner]\nmirror_interval = 10m\n", r"server.ini.d/a.ini=[partner]\nmirror_backoff = 5m\n"]),
    ("server", "server.ini.d/a.ini", 2, "is the same as in /etc/farkeep/server.ini:2", [r"server.ini=[server]\nlisten = 0.0.0.0\n", r"server.ini.d/a.ini=[server]\nlisten = 0.0.0.0:16384\n"]),
]


def main():
    lines = ["# Wrong configurations, written by tests/unit/config/malformed.py: kind, file of a mistake, its line, part of its message, the files as name=text;",
             "# separated by tabs.  Line 0: the file as a whole.  The first file is the main one; all lie below /etc/farkeep.  A row whose file is - is right, as the",
             "# rows behind it would be without their mistake.  other->name: a further name of a file.  In texts: \\n \\r \\t \\\\ \\xHH, and \\{N:c} for N times c."]
    for name in ("agent", "server"):
        for row in rows(Program(name)):
            lines.append(row if isinstance(row, str) else "\t".join([name, row[0], str(row[1]), row[2], *("%s=%s" % f for f in row[3])]))
    for row in BY_HAND:
        lines.append(row if isinstance(row, str) else "\t".join([row[0], row[1], str(row[2]), row[3], *row[4]]))
    seen = set()
    OUT.write_text("".join(l + "\n" for l in lines if not (l in seen or seen.add(l))), encoding="utf-8")


if __name__ == "__main__":
    main()
