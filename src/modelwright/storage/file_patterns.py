"""Which files a pattern names: one reading for whoever reads them and for whoever watches for more. Light.

A pattern has `*`, `?`, `[…]` within a name, `**` for any folders, and `{a,b}` for one or the other, which stands
for two patterns, as in a shell. Linked folders are entered, also by `**`; only a link back to a folder that it
lies in is not. Names that begin with a dot are names like others.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator

_MAGIC = re.compile(r"[*?\[]")
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")  # the innermost; braces without a comma are a name
_ANY_FOLDERS = "**"


def is_pattern(text: str) -> bool:
    """Return whether a text can name several files, by `*`, `?` or `[`."""
    return _MAGIC.search(text) is not None


def is_utf8(path: str) -> bool:
    """Return whether a path is UTF-8 on the disk; libraries in Rust and C++ (Polars, ONNX Runtime) take no other."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def readable(path: str) -> str:
    """Return a path as it can be shown: bytes that are no UTF-8 as `\\xe9`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def choices(text: str) -> list[str]:
    """Return the texts that one with `{a,b}` stands for, in the order written; the text alone where it has none."""
    found = _CHOICE.search(text)
    if found is None:
        return [text]
    before, after = text[: found.start()], text[found.end() :]
    every = [one for word in found[1].split(",") for one in choices(f"{before}{word}{after}")]
    return list(dict.fromkeys(every))


def matches(folder: str, pattern: str) -> list[str]:
    """Return the paths that match a pattern below a folder, sorted; folders are not among them.

    A link that leads nowhere is: it names a file that should be there. Raises OSError for a folder that may not
    be listed, since files would be missing without a word.
    """
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    return sorted(set(_below(folder, parts, ())) if parts else ())


def _below(folder: str, parts: list[str], above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yield the files for the rest of a pattern; `above` are the folders, by device and inode, that `**` is in."""
    part, rest = parts[0], parts[1:]
    if part == _ANY_FOLDERS:
        yield from _in_any_folder(folder, parts, above)
    elif not is_pattern(part) or os.path.lexists(f"{folder}/{part}"):  # what is called just so is meant
        path = os.path.join(folder, part)  # noqa: PTH118 - `..` and links stay as they are written
        if rest:
            yield from _below(path, rest, above)
        elif os.path.lexists(path) and not os.path.isdir(path):  # noqa: PTH112
            yield path
    else:
        wanted = re.compile(fnmatch.translate(part)).fullmatch
        entries = _listing(folder)
        if part != "*":
            entries = [entry for entry in entries if wanted(entry.name) is not None]
        if rest:
            for entry in entries:
                if entry.is_dir():
                    yield from _below(entry.path, rest, above)
        else:
            yield from [entry.path for entry in entries if not entry.is_dir()]


def _in_any_folder(folder: str, parts: list[str], above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    here = _identity(folder)
    if here is None or here in above:
        return
    entries = _listing(folder)
    if parts[1:] in ([], ["*"]):  # every file: one listing is enough
        yield from [entry.path for entry in entries if not entry.is_dir()]
    else:
        yield from _below(folder, parts[1:], ())
    for entry in entries:
        if entry.is_dir():
            yield from _below(entry.path, parts, (*above, here))


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - of what a link leads to
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _listing(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
