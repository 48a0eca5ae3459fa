"""small/: many small files in nested folders, like the sources, documents and pictures of a home folder.

At scale 1 there are 100,000 files, about 1 GB; sizes are log-normal (median 4 KiB, sigma 1.35, at most 4 MiB).  82 % text,
12 % incompressible, 1 % empty, 5 % exact copies of an earlier file of the same group; besides, 0.5 % symbolic links.
"""
import os, stat
from dataset_files import EPOCH, MIB, replace, stamp, stamp_folders
from dataset_text import lexicon, rng_for

FILES = 100_000
MEDIAN, SIGMA, LARGEST = 4096, 1.35, 4 * MIB
GROUP = 250  # files of one folder tree, made by one process
TEXT_NAMES = [".c", ".h", ".py", ".md", ".txt", ".rst", ".html", ".xml", ".json", ".js", ".conf", ".1", ".po", ".cpp"]
OTHER_NAMES = [".png", ".gz", ".jpg", ".whl", ".woff2"]


def tasks(root: str, seed: str, scale: float) -> list[tuple]:
    files = max(20, int(FILES * scale))
    return [(make_group, root, seed, g, min(GROUP, files - g * GROUP)) for g in range((files + GROUP - 1) // GROUP)]


def make_group(root: str, seed: str, group: int, count: int) -> int:
    """One group of files; returns their bytes."""
    words, r = lexicon(seed), rng_for(seed, "small", group)
    top = os.path.join(root, "%s-%02d" % (words.words[700 + group % 40], group % 40))
    folders = [os.path.join(top, "%s%d" % (words.words[900 + group], group))]
    for _ in range(count // 12):
        folder = os.path.join(r.choice(folders), r.choice(words.words[:3000]))
        if folder.count(os.sep) - root.count(os.sep) <= 8 and folder not in folders:
            folders.append(folder)
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
    earlier: list[bytes] = []
    total = 0
    for i in range(count):
        kind = r.random()
        size = min(LARGEST, int(r.lognormvariate(0, SIGMA) * MEDIAN) + 1)
        folder = r.choice(folders)
        stem = "_".join(r.choices(words.words, k=r.choice((1, 1, 2))))
        if kind < 0.82:
            data, end = words.text(r, size), r.choice(TEXT_NAMES)
        elif kind < 0.94:
            data, end = r.randbytes(size), r.choice(OTHER_NAMES)
        elif kind < 0.95:
            data, end = b"", ".py"
        else:
            data, end = (r.choice(earlier) if earlier else words.text(r, size)), ".copy"
        if len(earlier) < 40:
            earlier.append(data)
        path = os.path.join(folder, "%s-%d%s" % (stem, i, end))
        with open(path, "wb") as f:
            f.write(data)
        stamp(path, EPOCH + r.randrange(-30_000_000, 0), 0o755 if r.random() < 0.04 else 0o644)
        total += len(data)
        if r.random() < 0.005:
            os.symlink(os.path.basename(path), path + ".lnk")
            stamp(path + ".lnk", EPOCH - 1000)
    return total


def mutate(root: str, seed: str, turn: int) -> dict[str, int]:
    """Changes 1 % of the files: 60 % edited in the middle, 15 % longer, 10 % deleted, 10 % get a new neighbour, 5 % renamed."""
    words, r, time = lexicon(seed), rng_for(seed, "mutate-small", turn), EPOCH + 86400 * turn
    files: list[str] = []
    for folder, below, names in os.walk(root):
        below.sort()
        files += [p for name in sorted(names) if not os.path.islink(p := os.path.join(folder, name))]
    done = dict.fromkeys(("edited", "appended", "deleted", "new", "renamed"), 0)
    for path in r.sample(files, max(4, len(files) // 100)):
        kind = r.random()
        mode = stat.S_IMODE(os.lstat(path).st_mode)
        with open(path, "rb") as f:
            old = f.read()
        at = r.randrange(len(old) + 1)
        if kind < 0.40:
            what = "edited"
            replace(path, (old[:at], words.text(r, r.randrange(10, 90)), b"\n", old[at:]), time, mode)
        elif kind < 0.60:
            what = "edited"
            new = r.randbytes(r.randrange(1, 12))
            replace(path, (old[:at], new, old[at + len(new):]), time, mode)
        elif kind < 0.75:
            what = "appended"
            replace(path, (old, words.text(r, r.randrange(20, 2000))), time, mode)
        elif kind < 0.85:
            what = "deleted"
            os.unlink(path)
        elif kind < 0.95:
            what = "new"
            replace(path + ".added%d" % turn, (words.text(r, int(r.lognormvariate(0, SIGMA) * MEDIAN) + 1),), time, 0o644)
        else:
            what = "renamed"
            os.rename(path, path + ".moved%d" % turn)
        done[what] += 1
    stamp_folders(root, time)
    return done
