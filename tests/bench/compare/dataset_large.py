"""large/: four big files, 1 GiB each at scale 1: random.bin (incompressible), app.log (log lines, about 8:1), disk.img (runs
of zeros, repeated blocks, text and noise, about 3:1) and dump.sql (rows, about 4:1)."""
import os, stat
from typing import Callable, Iterator
from dataset_files import EPOCH, GIB, KIB, MIB, replace, stamp, stamp_folders
from dataset_text import Lexicon, lexicon, rng_for

LEVELS = ["INFO"] * 14 + ["DEBUG"] * 4 + ["WARN"] * 2 + ["ERROR"]
TABLES = ["customers", "orders", "events", "notes"]


def log_lines(r, words: Lexicon, size: int, start: int) -> Iterator[bytes]:
    shapes = []
    for _ in range(60):
        w = r.choices(words.words, k=10)
        shapes.append("[%s.%s] %s: %s %s %s request_id=%%08x user=%%d path=/api/v2/%s/%s/%%d status=%s duration_ms=%%d" %
                      (*w[:8], r.choice(("200", "200", "200", "304", "404", "500"))))
    heads = ["node-%02d.example.net app[%d]: %s" % (i % 6, 2000 + i % 4, level) for i, level in enumerate(LEVELS * 2)]
    cumulated, total = [], 0.0
    for i in range(60):
        total += 1.0 / (i + 1)
        cumulated.append(total)
    ms, have = start * 1000, 0
    while have < size:
        lines = []
        for head, shape in zip(r.choices(heads, k=4000), r.choices(shapes, cum_weights=cumulated, k=4000)):
            v = r.getrandbits(40)
            ms += v & 15
            s = ms // 1000
            lines.append("2023-11-%02dT%02d:%02d:%02d.%03dZ %s %s\n" % (
                14 + s // 86400 % 14, s // 3600 % 24, s // 60 % 60, s % 60, ms % 1000, head,
                shape % (v >> 8, 1000 + (v >> 4 & 63), v >> 12 & 15, int(r.random() ** 6 * 900))))
        block = "".join(lines).encode()
        have += len(block)
        yield block


def sql_rows(r, words: Lexicon, size: int, first: int = 1) -> Iterator[bytes]:
    have, n = 0, first
    while have < size:
        rows = ["INSERT INTO `%s` VALUES\n" % TABLES[r.getrandbits(2)]]
        drawn = r.choices(words.items[:9000], cum_weights=words.cumulated[:9000], k=200 * 8)
        for i in range(200):
            v = r.getrandbits(64)
            w = drawn[i * 8:i * 8 + 8]
            rows.append("(%d,'%s','%s@%s.example.com','2023-%02d-%02d %02d:%02d:%02d',%d.%02d,'%s %s %s %s %s',%d,NULL,'%04x')%s\n" % (
                n, w[0], w[1], words.words[v & 63], 1 + (v >> 6) % 12, 1 + (v >> 10) % 28, (v >> 15) % 24, (v >> 20) % 60, (v >> 26) % 60,
                v >> 32 & 1023, (v >> 42) % 100, *w[2:7], v >> 50 & 7, v >> 48, ";" if i == 199 else ","))
            n += 1
        block = "".join(rows).encode()
        have += len(block)
        yield block


def disk_extents(r, words: Lexicon, size: int) -> Iterator[bytes]:
    """Extents of 4 KiB to 4 MiB, median 192 KiB: 38 % zeros, 16 % from a pool of 24 blocks, 26 % text, 20 % noise."""
    pool = [r.randbytes(4096) for _ in range(24)]
    have = 0
    while have < size:
        kind = r.random()
        n = 4096 * (1 + min(1023, int(r.lognormvariate(0, 1.3) * 48)))
        have += n
        if kind < 0.38:
            yield bytes(n)
        elif kind < 0.54:
            yield b"".join(r.choices(pool, k=n // 4096))
        elif kind < 0.80:
            yield words.text(r, n)
        else:
            yield r.randbytes(n)


MAKERS: dict[str, Callable[..., Iterator[bytes]]] = {  # slowest first: they run side by side
    "dump.sql": sql_rows,
    "app.log": lambda r, words, size: log_lines(r, words, size, EPOCH),
    "disk.img": disk_extents,
    "random.bin": lambda r, words, size: (r.randbytes(MIB) for _ in range(size // MIB + 1)),
}


def tasks(root: str, seed: str, scale: float) -> list[tuple]:
    os.makedirs(root, exist_ok=True)
    size = max(64 * KIB, int(GIB * scale) // 4096 * 4096)
    return [(make_file, os.path.join(root, name), seed, name, size) for name in MAKERS]


def make_file(path: str, seed: str, name: str, size: int) -> int:
    left = size
    with open(path, "wb") as f:
        for block in MAKERS[name](rng_for(seed, "large", name), lexicon(seed), size):
            f.write(block[:left])
            left -= min(left, len(block))
            if not left:
                break
    stamp(path, EPOCH - 5000, 0o644)
    return size


def edited(path: str, edits: list[tuple[int, int, bytes]]) -> Iterator[bytes]:
    """The file with edits applied: (offset in the old file, bytes to drop, bytes to put).  One that overlaps the edit before
    it is left out."""
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        at = 0
        for offset, drop, put in [*sorted(edits, key=lambda e: e[0]), (size, 0, b"")]:
            if offset < at:
                continue
            while at < offset:
                block = f.read(min(4 * MIB, offset - at))
                at += len(block)
                yield block
            yield put
            at = min(size, offset + drop)
            f.seek(at)


def edits_of(name: str, size: int, r, words: Lexicon, turn: int) -> tuple[list[tuple[int, int, bytes]], bytes]:
    """What a turn does to a file, and what it appends.  Insertions come early in the file, so that fixed blocks shift."""
    edits: list[tuple[int, int, bytes]] = []
    tail = b""
    if name == "random.bin":  # 3 insertions of 1 to 4,000 bytes, 16 overwrites of 1 to 64 KiB
        for low, high in ((0.05, 0.33), (0.4, 0.6), (0.7, 0.9)):
            edits.append((int(size * r.uniform(low, high)), 0, r.randbytes(r.randrange(1, 4000))))
        for _ in range(16):
            n = min(size // 64, r.randrange(KIB, 64 * KIB))
            edits.append((r.randrange(size - n), n, r.randbytes(n)))
    elif name == "app.log":  # a line in the middle, 0.8 % at the end
        edits.append((size // 2 - r.randrange(size // 10), 0, b"inserted line " + words.text(r, 100) + b"\n"))
        tail = b"".join(log_lines(r, words, size // 125, EPOCH + 86400 * turn))
    elif name == "disk.img":  # 200 overwritten blocks in 20 clusters, an insertion of 4,608 bytes
        for _ in range(20):
            cluster = r.randrange(max(1, size // 4096 - 64))
            for _ in range(10):
                block = (cluster + r.randrange(64)) * 4096
                edits.append((block, 4096, r.choice((r.randbytes(4096), words.text(r, 4096)))))
        edits = [e for e in edits if e[0] < size]
        edits.append((int(size * r.uniform(0.2, 0.4)), 0, r.randbytes(4096 + 512)))
    else:  # 20 insertions of rows, 200 overwritten digits, 64 KiB deleted
        for _ in range(20):
            rows = next(sql_rows(r, words, 1, 10_000_000 + turn * 100_000)).split(b"\n")
            edits.append((r.randrange(size), 0, b"\n".join(rows[1:1 + r.randrange(1, 50)]) + b"\n"))
        for _ in range(200):
            edits.append((r.randrange(size), 1, b"%d" % r.randrange(10)))
        edits.append((int(size * 0.8), min(64 * KIB, size // 16), b""))
    return edits, tail


def mutate(root: str, seed: str, turn: int) -> dict[str, int]:
    """Changes every file in place; returns by how many bytes each grew."""
    grown, time = {}, EPOCH + 86400 * turn
    for name in sorted(MAKERS):
        path = os.path.join(root, name)
        size, mode = os.path.getsize(path), stat.S_IMODE(os.lstat(path).st_mode)
        edits, tail = edits_of(name, size, rng_for(seed, "mutate-large", turn, name), lexicon(seed), turn)
        replace(path, (b for part in (edited(path, edits), (tail,)) for b in part), time, mode)
        grown[name] = os.path.getsize(path) - size
    stamp_folders(root, time)
    return grown
