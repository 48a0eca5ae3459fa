#!/usr/bin/env -S python3 -B
"""Deterministic data for comparing backup programs: same seed and scale, same bytes, names, modes and times.

  dataset.py create DIR [--scale F] [--seed S] [--only small|large] [--jobs N]
  dataset.py mutate DIR [--turn N]  [--seed S] [--only small|large]
  dataset.py digest DIR       two SHA-256: of names, types and contents; and of modes and modification times as well

Nothing is read from the machine.  What the sets hold and what mutate changes: dataset_small.py, dataset_large.py.
"""
import argparse, hashlib, os, stat, sys
import dataset_large, dataset_small
from dataset_files import EPOCH, MIB, stamp_folders

SETS = {"small": dataset_small, "large": dataset_large}


def perform(task: tuple) -> int:
    return task[0](*task[1:])


def create(a: argparse.Namespace) -> None:
    tasks: list[tuple] = []
    chosen = [a.only] if a.only else ["large", "small"]  # the longest tasks first
    for name in chosen:
        os.makedirs(os.path.join(a.dir, name), exist_ok=True)
        tasks += SETS[name].tasks(os.path.join(a.dir, name), a.seed, a.scale)
    if a.jobs > 1:
        import multiprocessing

        with multiprocessing.Pool(a.jobs) as pool:
            total = sum(pool.imap_unordered(perform, tasks))
    else:
        total = sum(map(perform, tasks))
    for name in chosen:
        stamp_folders(os.path.join(a.dir, name), EPOCH - 100)
    print("%d bytes under %s (seed %s, scale %g)" % (total, a.dir, a.seed, a.scale))


def mutate(a: argparse.Namespace) -> None:
    for name in [a.only] if a.only else SETS:
        if os.path.isdir(os.path.join(a.dir, name)):
            print(name, SETS[name].mutate(os.path.join(a.dir, name), a.seed, a.turn))


def digests(root: str) -> tuple[str, str, int, int]:
    """Both digests, the number of files and their bytes.  The folder's own mode and time do not count."""
    content, metadata, files, size = hashlib.sha256(), hashlib.sha256(), 0, 0
    for folder, below, names in os.walk(root):
        below.sort()
        for path in [folder] + [os.path.join(folder, n) for n in sorted(names)]:
            st = os.lstat(path)
            name = os.path.relpath(path, root)
            content.update(("%s\0%o\0" % (name, stat.S_IFMT(st.st_mode))).encode())
            if name != ".":
                metadata.update(("%s\0%o\0%d\0" % (name, st.st_mode, int(st.st_mtime))).encode())
            if stat.S_ISLNK(st.st_mode):
                content.update(os.readlink(path).encode())
            elif stat.S_ISREG(st.st_mode):
                files, size = files + 1, size + st.st_size
                content.update(b"%d\0" % st.st_size)
                with open(path, "rb") as f:
                    while block := f.read(MIB):
                        content.update(block)
    return content.hexdigest(), metadata.hexdigest(), files, size


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = ap.add_subparsers(dest="verb", required=True)
    for verb in (create, mutate):
        p = verbs.add_parser(verb.__name__)
        p.add_argument("--seed", default="1")
        p.add_argument("--only", choices=tuple(SETS))
        p.set_defaults(run=verb)
    verbs.choices["create"].add_argument("--scale", type=float, default=1.0)
    verbs.choices["create"].add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    verbs.choices["mutate"].add_argument("--turn", type=int, default=1)
    verbs.add_parser("digest").set_defaults(run=lambda a: print("%s %s %d files %d bytes" % digests(a.dir)))
    for p in verbs.choices.values():
        p.add_argument("dir")
    a = ap.parse_args()
    a.dir = os.path.normpath(a.dir)
    a.run(a)
    return 0


if __name__ == "__main__":
    sys.exit(main())
