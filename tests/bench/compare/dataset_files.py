"""Writing the files of the data sets: fixed times and modes, changed files replaced by renaming."""
import os
from typing import Iterable

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
EPOCH = 1_700_000_000  # all times are counted from here, never from the clock


def stamp(path: str, time: int, mode: int | None = None) -> None:
    if mode is not None:
        os.chmod(path, mode)
    os.utime(path, (time, time), follow_symlinks=False)


def stamp_folders(root: str, time: int) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        stamp(folder, time, 0o755)


def replace(path: str, pieces: Iterable[bytes], time: int, mode: int) -> None:
    new = path + ".new~"
    with open(new, "wb") as f:
        for piece in pieces:
            f.write(piece)
    stamp(new, time, mode)
    os.replace(new, path)
