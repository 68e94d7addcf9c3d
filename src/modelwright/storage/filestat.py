"""What `stat` says of a file, and when that may stand for its content. Standard library only, and light.

A cache that trusts the time of a file is wrong when the file changes twice within one tick of the file
system's clock: the second change leaves the time as it was. git's index knows this as the racy-mtime problem
(Documentation/technical/racy-git.txt). Hence `settled`: a file that changed within the last two seconds (the
coarsest tick in use, that of FAT) is not trusted by its time. The time of the last change of the inode
(`ctime`) is part of the signature, because unlike `mtime` no program can set it back.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

TICK_NS = 2_000_000_000

FileStat = tuple[int, int, int, int]
"""Size in bytes, mtime in ns, ctime in ns, inode."""


def of(path: Path | str) -> FileStat | None:
    """Return the signature of a file (of its target, if a link), or None when there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of the cost of Path.stat, and this runs for every file
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def settled(found: FileStat, now_ns: int) -> bool:
    """Tell whether a later change of the file is sure to show in its signature."""
    return max(found[1], found[2]) + TICK_NS < now_ns


def below(folder: Path | str, but: str | None = None) -> dict[str, FileStat]:
    """Return the signatures of all files below a folder by relative name.

    Linked folders are not entered, nor those named `but`.
    """
    found: dict[str, FileStat] = {}
    waiting = [(str(folder), "")]
    while waiting:
        place, prefix = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != but:
                    waiting.append((entry.path, f"{prefix}{entry.name}/"))
            else:
                signature = of(entry.path)
                if signature is not None:
                    found[prefix + entry.name] = signature
    return found
