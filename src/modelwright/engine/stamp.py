"""A stamp of the last successful run, so that a run with nothing to do is answered without loading anything.

It records the signatures of everything that the run depended on, and what the run printed. While all of that
is as it was, the same arguments would print the same. Standard library only, for it is read before all else.

    before = stamp.take(watch)          # first thing in the run, before anything is read
    ...                                 # the run
    stamp.write(path, arguments, before, made, result)
    stamp.read_if_unchanged(path, arguments)     # the next time
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from modelwright.storage import filestat

_FORMAT = 1
_COMPILED = "__pycache__"


@dataclass(frozen=True)
class Watch:
    """What a run depends on, as absolute paths. A path where nothing is counts as that: it must stay so.

    files: by signature; contents: by content, whatever their signature (the project file, which editors
    save without changing it); folders: every file below; sources: every file below but compiled ones (code,
    and the templates beside it); listings: folders whose own time tells that a member came or went
    (site-packages); databases: SQLite files with their write-ahead logs; sealed: files of artifacts, by
    signature alone however young it is, since nobody writes into them.
    """

    files: tuple[Path, ...] = ()
    contents: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    sources: tuple[Path, ...] = ()
    listings: tuple[Path, ...] = ()
    databases: tuple[Path, ...] = ()
    sealed: tuple[Path, ...] = ()


Taken = Mapping[str, Mapping[str, Any]]
"""By sort of watch: path → what was found there, as JSON."""


@dataclass(frozen=True)
class StampedResult:
    """What a run printed, and its exit code."""

    text: str
    exit_code: int = 0


@dataclass(frozen=True)
class Stamp:
    """The state of the world at one instant: what was found for every watched path, and the Python."""

    taken: Taken
    python: str


def take(watch: Watch, now_ns: Callable[[], int] = time.time_ns) -> Stamp:
    """Take the signatures of what a run depends on, before the run reads any of it."""
    return Stamp(
        {
            sort.name: {
                str(path): _find(sort.name, str(path), now_ns()) for path in getattr(watch, sort.name)
            }
            for sort in fields(Watch)
        },
        _python(),
    )


def write(
    path: Path,
    arguments: Any,
    before: Stamp,
    made: Watch,
    result: StampedResult,
    now_ns: Callable[[], int] = time.time_ns,
) -> bool:
    """Write the stamp of a run that has succeeded; tells whether it did.

    `before` was taken before the run read anything. `made` is what the run itself wrote and the next one
    would find (the `artifact.json` of every stage, the state database); it is taken now, so write this right
    after the last use of them. If anything of `before` has changed during the run there is no stamp, for
    nobody knows which state the run has seen. `arguments` is JSON: all that decides the text but the files.
    """
    from modelwright.storage import disk  # the reader needs none of it

    if not _holds(before.taken):
        path.unlink(missing_ok=True)
        return False
    after = take(made, now_ns)
    record = {
        "format": _FORMAT,
        "python": before.python,
        "arguments": arguments,
        "taken": [before.taken, after.taken],
        "result": asdict(result),
    }
    disk.write_atomically(path, json.dumps(record, separators=(",", ":")), durable=False)
    return True


def read_if_unchanged(path: Path, arguments: Any) -> StampedResult | None:
    """Return what the stamped run printed if it had the same arguments and all that it saw is unchanged."""
    try:
        record = json.loads(path.read_bytes())
        if record["format"] != _FORMAT or record["python"] != _python():
            return None
        if record["arguments"] != json.loads(json.dumps(arguments)):
            return None
        if not all(_holds(taken) for taken in record["taken"]):
            return None
        return StampedResult(str(record["result"]["text"]), int(record["result"]["exit_code"]))
    except (OSError, RecursionError, ValueError, KeyError, TypeError, AttributeError):
        return None  # no stamp, or a damaged one: the run is made in full and finds its artifacts sealed


def _python() -> str:
    return f"{sys.version} in {sys.prefix}"


def _holds(taken: Taken) -> bool:
    """Tell whether everything is still as it was taken."""
    for sort, places in taken.items():
        for place, found in places.items():
            if not _same(sort, place, found):
                return False
    return True


def _find(sort: str, place: str, now_ns: int) -> Any:
    match sort:
        case "contents":
            found: Any = _content(place)
        case "folders":
            found = _tree(filestat.below(place), place, now_ns)
        case "sources":
            found = _tree(filestat.below(place, _COMPILED), place, now_ns)
        case "listings":
            found = _listing(place)
        case "databases":
            found = [_file(place, filestat.of(place), now_ns), _log(place)]
        case "sealed":
            found = _signature(place)
        case _:
            found = _file(place, filestat.of(place), now_ns)
    return found


def _same(sort: str, place: str, found: Any) -> bool:
    if sort == "contents":
        return bool(found == _content(place))
    if sort in {"folders", "sources"}:
        below = filestat.below(place, _COMPILED if sort == "sources" else None)
        return below.keys() == found.keys() and all(
            _same_file(f"{place}/{name}", signature, found[name]) for name, signature in below.items()
        )
    if sort == "listings":
        return bool(found == _listing(place))
    if sort == "databases":
        return _same_file(place, filestat.of(place), found[0]) and _log(place) == found[1]
    if sort == "sealed":
        return bool(found == _signature(place))
    return _same_file(place, filestat.of(place), found)


def _tree(below: Mapping[str, filestat.FileStat], place: str, now_ns: int) -> dict[str, Any]:
    return {name: _file(f"{place}/{name}", signature, now_ns) for name, signature in below.items()}


def _file(place: str, signature: filestat.FileStat | None, now_ns: int) -> Any:
    """Return a signature, or the content's digest beside it where the signature alone would not do."""
    if signature is None:
        return None
    if filestat.settled(signature, now_ns):
        return [list(signature), None]
    return [list(signature), _content(place)]


def _same_file(place: str, signature: filestat.FileStat | None, found: Any) -> bool:
    if signature is None or found is None:
        return signature is None and found is None
    return list(signature) == found[0] and (found[1] is None or found[1] == _content(place))


def _signature(place: str) -> list[int] | None:
    signature = filestat.of(place)
    return list(signature) if signature is not None else None


def _content(place: str) -> str | None:
    try:
        with open(place, "rb") as file:  # noqa: PTH123 - a string, and light
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _listing(place: str) -> list[Any] | None:
    """Return a folder's time and the number of its members, which tells two changes within one tick apart."""
    try:
        return [os.stat(place).st_mtime_ns, len(os.listdir(place))]  # noqa: PTH116, PTH208 - light
    except (FileNotFoundError, NotADirectoryError):
        return None


def _log(place: str) -> Any:
    """Return the signature of a database's write-ahead log; an empty one holds nothing, like none."""
    signature = filestat.of(f"{place}-wal")
    return list(signature) if signature is not None and signature[0] > 0 else None
