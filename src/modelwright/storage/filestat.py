"""What `stat` says of a file, and when that may stand for its content. Standard library only, and light.

A cache that trusts the time of a file is wrong when the file changes twice within one tick of the file
system's clock: the second change leaves the time as it was. git's index knows this as the racy-mtime problem
(Documentation/technical/racy-git.txt). Hence `settled`: a file that changed within the last two seconds (the
coarsest tick in use, that of FAT) is not trusted by its time. The time of the last change of the inode
(`ctime`) is part of the signature, because unlike `mtime` no program can set it back.
"""

from __future__ import annotations

import errno
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
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise
    except ValueError:  # a NUL, which no file has in its name
        return None
    if stat.S_ISDIR(found.st_mode):
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def settled(found: FileStat, now_ns: int) -> bool:
    """Tell whether a later change of the file is sure to show in its signature."""
    return max(found[1], found[2]) + TICK_NS < now_ns


def below(folder: Path | str, but: str | None = None) -> dict[str, FileStat]:
    """Return the signatures of all files below a folder by relative name, but for folders named `but`.

    Linked folders are entered, except one that it would come back to: the folder itself, or one that it lies in.
    """
    found: dict[str, FileStat] = {}
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(str(folder), "", ())]
    while waiting:
        place, prefix, above = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != but:
                    waiting.append((entry.path, f"{prefix}{entry.name}/", above))
            elif entry.is_symlink() and entry.is_dir():
                # Only a link can lead back, so only links are compared: what they lead to, by device and inode.
                target = entry.stat()
                here = (target.st_dev, target.st_ino)
                if entry.name != but and here not in above and not _holds(entry.path, place):
                    waiting.append((entry.path, f"{prefix}{entry.name}/", (*above, here)))
            else:
                signature = of(entry.path)
                if signature is not None:
                    found[prefix + entry.name] = signature
    return found


def _holds(link: str, place: str) -> bool:
    """Return whether what a link leads to is the folder `place`, or one that it lies in."""
    target, inside = os.path.realpath(link), os.path.realpath(place)
    return inside == target or inside.startswith(target.rstrip("/") + "/")
