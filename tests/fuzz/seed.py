#!/usr/bin/env -S python3 -B
"""First inputs of the fuzz targets, made from the test vectors: valid and broken ones alike.

  seed.py --out DIR [--list]     writes DIR/<target>/<name>; --list prints the targets that get seeds

A target without vectors gets a few inputs written out below.  Each input is what the target's own page says: see the
comment above LLVMFuzzerTestOneInput in <target>_fuzz.cpp for leading bytes that steer it.
"""
import argparse, pathlib, re, shutil, struct, sys
from typing import Iterator

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
CONFIG = HERE.parent.parent / "config"
Seeds = Iterator[tuple[str, bytes]]


def fields(folder: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The vectors of a folder: name, and its lines "key: value"."""
    for path in sorted((VECTORS / folder).glob("*.txt")):
        pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
        yield path.stem, {key: value.strip() for key, _, value in pairs}


def from_hex(folder: str, key: str) -> Seeds:
    for name, vector in fields(folder):
        yield name, bytes.fromhex(vector[key])


def unescape(text: str) -> bytes:
    """What tests/vectors/config writes: \\n \\r \\t \\\\ \\xHH, and \\{N:c} for N times c."""
    one = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}

    def byte(m: re.Match[str]) -> bytes:
        if m["hex"]:
            return bytes.fromhex(m["hex"])
        return m["what"].encode() * int(m["times"]) if m["times"] else one[m["one"]] if m["one"] else m[0].encode()

    return b"".join(byte(m) for m in re.finditer(r"\\(?:x(?P<hex>..)|\{(?P<times>\d+):(?P<what>[^}]*)\}|(?P<one>.))|.", text, re.S))


def envelope() -> Seeds:
    return from_hex("crypto/envelope", "envelope")


def key_slot() -> Seeds:
    yield from from_hex("crypto/slot", "slot")
    yield from from_hex("crypto/key_file", "file")


def recovery_key() -> Seeds:
    for name, vector in fields("crypto/recovery"):
        yield name, vector["typed"].encode()


def proxy() -> Seeds:
    """Which client (0 to 5) and ending (6 times that), then what a proxy says."""
    granted = b"\x05\x00\x00\x01" + bytes(6)
    yield "socks5", b"\x00\x05\x00" + granted
    yield "socks5-name", b"\x00\x05\x00\x05\x00\x00\x03\x02fw\x40\x00"
    yield "socks5-refused", b"\x06\x05\x00\x05\x05\x00\x01"
    yield "socks5-login", b"\x01\x05\x02\x01\x00" + granted
    yield "socks5-wrong-login", b"\x01\x05\x02\x01\x01"
    yield "socks4", b"\x02\x00\x5a" + bytes(6)
    yield "http", b"\x03HTTP/1.1 200 Connection established\r\n\r\n"
    yield "http-bare", b"\x03HTTP/1.0 200\n\n"
    yield "http-interim", b"\x03HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    yield "http-squid", b"\x04HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\nContent-Length: 0\r\n\r\n"
    yield "http-rounds", b"\x05HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n"
    yield "foreign", b"\x00SSH-2.0-OpenSSH_9.2\r\n"


def record() -> Seeds:
    return from_hex("archive/record", "record")


def manifest() -> Seeds:
    return from_hex("archive/manifest", "manifest")


def node() -> Seeds:
    for name, vector in fields("archive/node"):
        yield name, bytes([min(255, len(vector["refs"]) // 64)]) + bytes.fromhex(vector["message"])


def ini() -> Seeds:
    for name in ("agent", "server", "profile"):
        text = (CONFIG / (name + ".ini")).read_text(encoding="utf-8")
        yield name + ".sample", text.encode()
        yield name + ".uncommented", re.sub(r"^#(?=[a-z_\[])", "", text, flags=re.M).encode()
    for n, line in enumerate((VECTORS / "config/ini_malformed.txt").read_text(encoding="utf-8").splitlines()):
        if not line.startswith("#") and line.count("\t") >= 4:
            yield "malformed.%03d" % n, unescape(line.split("\t", 4)[4])
    for n, line in enumerate((VECTORS / "config/malformed.txt").read_text(encoding="utf-8").splitlines()):
        if line.startswith("server\t") and line.count("\t") >= 4:
            yield "files.%04d" % n, b"\0".join(unescape(f.split("=", 1)[1]) for f in line.split("\t")[4:] if "=" in f)  # not the further names
    yield "files.included", b"[include]\nfile = x.ini\n[server]\nname = a\n\0[server]\nlisten =\nlisten = ::1\n\0[partner]\naddress = 192.0.2.1\n\0[server]\nlisten = 127.0.0.2\n"


def exclude() -> Seeds:
    """One input for each set of rules that git judged: the rules, NUL, one of its paths."""
    rules: list[bytes] = []
    paths: list[bytes] = []
    n = 0
    for line in [*(VECTORS / "config/exclude_git.txt").read_text(encoding="utf-8").splitlines(), ""]:
        parts = line.split("\t")
        if parts[0] == "rule":
            rules.append(unescape(parts[1]))
        elif parts[0] in ("d", "f"):
            paths.append(unescape(parts[-1])[1:])
        elif rules and not line:
            yield "git.%03d" % n, b"\n".join(rules) + b"\0" + (paths[len(paths) // 2] if paths else b"a")
            rules, paths, n = [], [], n + 1


def schedule() -> Seeds:
    """Sixteen bytes: the instant, the last start, when the zone's offset changes, the offsets before and after."""
    numbers = struct.pack("<IIIhh", 1_711_846_800, 1_711_760_400, 1_711_846_800, 3600, 7200)  # a spring night in Europe
    texts = ["every 4h", "every 1m", "every 52w", "hourly", "daily 02:30", "weekly mon 02:30", "mon..fri 02:30", "sat,sun 23:59",
             "fri..mon 00:00", "every 0m", "daily 24:00", "weekly", "mon..", "every 4",
             "*-*-01 04:00", "Sat *-*-1..7 18:00", "*-02~03", "Mon *-05~07/1", "*:0/15", "2024-02-29 *:*:0/7", "8..18/2:30 UTC", "*-*-31/1 2:30",
             "1970..2199/3-1,2-* 0", "quarterly Europe/Berlin", "*-02-30", "mon *-*-* 00:00:60"]
    for n, text in enumerate(texts):
        yield "%02d" % n, numbers + text.encode()
    yield "autumn", struct.pack("<IIIhh", 1_729_987_200, 0, 1_729_990_800, 7200, 3600) + b"daily 02:30"


def frame() -> Seeds:
    """A byte that says into pieces of which size the stream is cut, then frames: lib/wire/PROTOCOL.md, section 2."""

    def one(verb: int, flags: int = 0, head: bytes = b"", body: bytes = b"", request: int = 7, zero: int = 0) -> bytes:
        return struct.pack("<IIIBBH", len(head), len(body), request, verb, flags, zero) + head + body

    yield "ping", b"\xff" + one(2)
    yield "byte_by_byte", b"\x00" + one(1, head=b"\x08\x01\x10\x01") + one(2) + one(3)
    yield "put_with_body", b"\x06" + one(22, head=b"\x08\x01", body=bytes(range(200))) + one(2)
    yield "replies", b"\x30" + one(25, 3, b"", b"x" * 50) + one(25, 1, b"\x08\x01") + one(4, 1, b"\x08\x03")
    yield "cut_off", b"\x10" + one(21, head=b"a" * 64)[:-1]
    yield "unknown_verb", b"\x10" + one(2) + one(99)
    yield "unknown_flag", b"\x10" + one(2, 4)
    yield "reserved_bytes", b"\x10" + one(2, zero=1)
    yield "more_on_a_request", b"\x10" + one(2, 2)
    yield "failure_as_request", b"\x10" + one(4)
    yield "head_too_large", b"\x10" + struct.pack("<IIIBBH", 1 << 31, 0, 7, 2, 0, 0)
    yield "body_too_large", b"\x10" + struct.pack("<IIIBBH", 0, 1 << 31, 7, 22, 0, 0)


def message() -> Seeds:
    """A byte that chooses the parser, then a message of lib/wire/wire.proto, encoded here by hand."""

    def number(field: int, value: int) -> bytes:
        out = bytearray([field << 3])
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes(out) + bytes([value])

    def text(field: int, value: bytes) -> bytes:
        assert field < 16 and len(value) < 16384
        size = number(0, len(value))[1:]
        return bytes([field << 3 | 2]) + size + value

    signed = text(1, number(1, 3) + text(4, text(1, b"pair"))) + text(2, b"s" * 64) + text(3, b"c" * 40)
    yield "hello", b"\0" + number(1, 1) + number(2, 1) + text(3, b"farkeep") + number(4, 1 << 40)
    yield "register", b"\1" + text(1, b"t" * 32) + text(2, b"d" * 80) + text(3, b"web1")
    yield "registered", b"\2" + text(1, b"a" * 16) + text(2, b"b" * 16) + text(3, b"c" * 40) + text(4, signed) + text(5, b"example")
    yield "committed", b"\3" + text(1, text(1, number(3, 9)) + text(2, b"s" * 64)) + text(2, b"i" * 64) + number(3, 1)
    yield "snapshots", b"\4" + text(1, text(1, b"m" * 90)) * 3 + number(2, 1)
    yield "directory", b"\5" + number(1, 4) + text(4, text(1, b"p") + text(2, text(1, b"i" * 16) + text(3, b"192.0.2.1:16384") + text(4, b"192.0.2.0/24")))
    yield "registry", b"\6" + text(1, number(1, 2) + text(2, b"k" * 16) + text(3, b"v" * 30) + number(4, 5)) * 2
    yield "vaults", b"\7" + text(1, text(1, b"a" * 16) + text(2, b"b" * 16) + number(3, 7) + text(4, b"d" * 32)) * 2
    yield "failure", b"\x08" + number(1, 3) + text(2, b"busy\x1b[31m\n") + number(3, 60)
    yield "ids", b"\x09" + b"i" * 96
    yield "bitmap", b"\x13" + b"\xff\xff\x07"
    yield "nested_too_deep", b"\5" + b"\x23" * 200


def answers() -> Seeds:
    """What a hostile server answers, question by question: see answers_fuzz.cpp."""
    valid, bytes_, refusal, frames, raw, close, other = 0, 2, 3, 4, 5, 6, 7
    yield "all_valid", bytes(64)
    yield "last_head", bytes([valid]) + b"\xff" * 8 + bytes(40)
    yield "refusals", bytes([valid] + [0] * 24) + bytes([refusal, 16, 4]) + b"busy" + b"\xff" * 8 + bytes([refusal, 7, 3]) + b"\x1b[2" + bytes(8)
    yield "endless", bytes([valid] + [0] * 24) + bytes([valid, 0, frames, 100, 0, 20]) + b"FKR1" + bytes(16)
    yield "other_number", bytes([valid] + [0] * 24) + bytes([other, 22, 1, 7]) + bytes([other, 25, 0, 1])
    yield "garbage", bytes([valid] + [0] * 24) + bytes([raw, 40]) + bytes(range(40))
    yield "closed", bytes([valid] + [0] * 24) + bytes([close])
    yield "heads", bytes([valid] + [0] * 24) + b"".join(bytes([bytes_, 6, 0x0a, 4, 1, 2, 3, 4, 2, 9, 9]) for _ in range(8))
    yield "no_greeting", bytes([0xf0, 0, 0xf2, 3, 8, 1, 8, 0])


def registry() -> Seeds:
    """Bends of registry files: file, how (0 replaced, 1 bytes changed, 2 cut short), size, and so many bytes."""
    for file in range(8):
        yield "emptied.%d" % file, bytes([file, 0, 0])
        yield "zeros.%d" % file, bytes([file, 0, 40]) + bytes(40)
        yield "one_bit.%d" % file, bytes([file, 1, 2, 9, 4])
        yield "many_bits.%d" % file, bytes([file, 1, 8, 0, 0x80, 3, 0xff, 20, 1, 60, 0x10])
        yield "cut.%d" % file, bytes([file, 2, 1, 11])
    yield "long_varint", bytes([1, 0, 12]) + b"\x08" + b"\xff" * 11
    yield "all_of_them", b"".join(bytes([file, 1, 2, 5, 1]) for file in range(8))


def session() -> Seeds:
    """Moves of those who connect: see session_fuzz.cpp.  What the scripts of tests/attacks do, in small."""
    stranger, agent, other, partner, hello, opened, put, commit, question, ids, bent, raw, read, close, wait, enrol, administer, large, repeat, disk = range(20)
    last, far = (1 << 64) - 1, 1 << 40

    def move(op: int, slot: int, *arguments: int) -> bytes:
        return bytes([op, slot, *arguments])

    def admitted(slot: int, who: int = agent) -> bytes:
        return move(who, slot) + move(hello, slot, 0) + move(opened, slot, 0)

    def content(slot: int) -> bytes:
        return move(put, slot, 1, 0) + move(put, slot, 1, 1, 1, 7, 10) + move(put, slot, 1, 2, 1, 8, 1, 7, 10)

    def committed(slot: int, number: int, how: int = 0, *more: int) -> bytes:
        return move(commit, slot, how | 1, *struct.pack("<Q", number), 8, 1, *more)

    def after(slot: int) -> bytes:
        return move(wait, slot, 2) + move(read, slot, 255)

    honest = admitted(0) + content(0) + committed(0, 1)
    yield "honest", honest + after(0) + move(ids, 0, 0, 2, 7, 8) + move(ids, 0, 1, 2, 7, 8) + move(question, 0, 0, 0) + after(0)
    yield "two_agents", honest + admitted(1, other) + content(1) + committed(1, 1) + after(0) + after(1)
    yield "put_again", honest + after(0) + move(put, 0, 1, 2, 2, 8, 200, 0, 9) + move(put, 0, 1, 1, 2, 7, 201, 9) + after(0) + move(ids, 0, 1, 2, 7, 8) + after(0)
    yield "last_number", honest + committed(0, last) + committed(0, last - 1) + committed(0, far) + committed(0, 0) + after(0)
    yield "full_pages", admitted(0) + content(0) + b"".join(committed(0, n, 4, 0, 0) for n in range(1, 7)) + after(0) + move(question, 0, 0, 0) * 4 + after(0)
    yield "gets_never_read", honest + move(ids, 0, 1, 3, 7, 8, 8) + move(repeat, 0, 79) + move(wait, 0, 4) + move(ids, 0, 1, 2, 7, 8)
    yield "large_before_hello", move(stranger, 0) + move(large, 0, 2, 1, 255, 255, 0) + move(stranger, 1) + move(large, 1, 22, 0, 255, 255, 7) + move(wait, 0, 3)
    yield "silent", move(stranger, 0) + move(agent, 1) + move(partner, 2) + move(wait, 0, 3) + move(wait, 0, 4) + move(wait, 0, 5)
    yield "revoked", honest + move(administer, 0, 2) + content(0) + committed(0, 2) + move(question, 0, 2, 0) + after(0) + admitted(1)
    yield "partner", move(partner, 0) + move(hello, 0, 0) + move(opened, 0, 3) + move(question, 0, 3, 0) + move(question, 0, 4, 0) + content(0) + committed(0, 1, 8, *bytes(8)) + after(0)
    yield "wrong_vault", move(agent, 0) + move(hello, 0, 0) + move(opened, 0, 3) + after(0)
    yield "enrol", move(stranger, 0) + move(enrol, 0, 3, 3, 97, 98, 99) + move(stranger, 1) + move(enrol, 1, 1, 4, 1, 2, 3, 4, 0) + move(enrol, 1, 14, 0) + after(0) + after(1)
    yield "too_early", move(agent, 0) + content(0) + committed(0, 1) + move(hello, 0, 0) * 2 + after(0)
    yield "slots", admitted(0) + move(question, 0, 6, 0, 255) * 6 + move(question, 0, 1, 0) + after(0)
    yield "bent", admitted(0) + move(bent, 0, 3, 4, 0, 25, 3, 0, 1, 2, 3, 4, 5, 6, 7) + move(raw, 0, 5, 1, 2, 3, 4, 5) + after(0)
    yield "closed_in_commit", admitted(0) + content(0) + committed(0, 1) + move(close, 0) + admitted(0) + committed(0, 1) + after(0)
    yield "waiting_commits", honest + move(repeat, 0, 79) + admitted(1) + committed(1, 2) + move(repeat, 1, 79) + move(wait, 0, 4)
    yield "full_disk", honest + after(0) + move(disk, 0, 0) + content(0) + committed(0, 2) + after(0) + move(disk, 0, 3) + move(wait, 0, 3) + admitted(1) + committed(1, 2) + after(1)
    yield "failing_disk", b"".join(admitted(0) + move(disk, 0, 1 + 4 * n) + content(0) + committed(0, 1) + after(0) for n in range(3))


TARGETS = [answers, envelope, exclude, frame, ini, key_slot, manifest, message, node, proxy, record, recovery_key, registry, schedule, session]


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=pathlib.Path)
    ap.add_argument("--list", action="store_true")
    a = ap.parse_args()
    if a.list:
        print("\n".join(t.__name__ for t in TARGETS))
    if a.out:
        shutil.rmtree(a.out, ignore_errors=True)
        for target in TARGETS:
            folder = a.out / target.__name__
            folder.mkdir(parents=True)
            count = 0
            for name, data in target():
                (folder / name).write_bytes(data)
                count += 1
            if count == 0:
                print("no vector became a seed of %s" % target.__name__, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
