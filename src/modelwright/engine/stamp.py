"""A stamp of the last successful run, so that a run with nothing to do is answered without loading anything.

It records the signatures of everything that the run rested on, and what the run printed. While all of that is
as it was, the same arguments would print the same. Light imports only, for it is read before all else.

    taken = stamp.take(watch)           # before anything of it is read; more is added as the steps declare it
    ...                                 # the run
    stamp.write(path, arguments, taken, made, result)
    stamp.read_if_unchanged(path, arguments)     # the next time

What it records follows from what the steps declare (`engine.step_sources`), which their keys follow from, too.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

from modelwright.core.json_types import Json, JsonLike, JsonObject
from modelwright.engine import facts
from modelwright.storage import file_patterns, filestat

_FORMAT = 4
_COMPILED = "__pycache__"
_FOLDER = "a folder"  # what stands where a file was looked for


@dataclass(frozen=True)
class Watch:
    """What a run depends on, as absolute paths. A path where nothing is counts as that: it must stay so.

    files: by signature; contents: by content, whatever their signature (the project file, which editors save
    without changing it); sets: many files each, as one digest of their signatures; folders: every file below;
    sources: every file below but compiled ones (code, and the templates beside it); patterns: (folder, pattern), by
    the paths that match and their signatures; facts: by name (see `engine.facts`); databases: SQLite files with
    their write-ahead logs; sealed: files of artifacts, by signature alone however young it is, since nobody writes
    into them.
    """

    files: tuple[Path | str, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()
    contents: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    sources: tuple[Path, ...] = ()
    patterns: tuple[tuple[str, str], ...] = ()
    facts: tuple[str, ...] = ()
    databases: tuple[Path, ...] = ()
    sealed: tuple[Path, ...] = ()

    def places(self) -> dict[str, list[str]]:
        """Return what is recorded by sort, each as one text."""
        found = {sort.name: [str(place) for place in getattr(self, sort.name)] for sort in fields(self)}
        return {
            **found,
            "patterns": [json.dumps(pattern) for pattern in self.patterns],
            "sets": [_by_folder(every) for every in self.sets],
        }


Taken = Mapping[str, Mapping[str, Json]]
"""By sort of watch: place → what was found there."""


@dataclass(frozen=True)
class KeptResult:
    """What a run printed, and its exit code."""

    text: str
    exit_code: int = 0


def take(watch: Watch, now_ns: Callable[[], int] = time.time_ns, *, but: Taken | None = None) -> Taken:
    """Take the signatures of what a run depends on, before the run reads any of it; none that is in `but`."""
    known = but or {}
    return {
        sort: {
            place: _SORTS[sort].find(place, now_ns()) for place in places if place not in known.get(sort, {})
        }
        for sort, places in watch.places().items()
    }


def joined(first: Taken, then: Taken) -> dict[str, dict[str, Json]]:
    """Return both; of a place that both have, what was found first: the run may have read that."""
    return {sort: {**then.get(sort, {}), **first.get(sort, {})} for sort in {**first, **then}}


def write(
    path: Path,
    arguments: JsonLike,
    before: Taken,
    made: Watch,
    result: KeptResult,
    now_ns: Callable[[], int] = time.time_ns,
) -> bool:
    """Write the stamp of a run that has succeeded; return whether it did.

    `before` was taken before the run read anything. `made` is what the run itself wrote and the next one
    would find (the `artifact.json` of every stage, the state database); it is taken now, so write this right
    after the last use of them. If anything of `before` has changed during the run there is no stamp, for
    nobody knows which state the run has seen. `arguments` decide the text beside what is recorded.
    """
    from modelwright.storage import disk  # the reader needs none of it

    if not holds(before):
        path.unlink(missing_ok=True)
        return False
    python: Taken = {"facts": {facts.PYTHON: facts.read(facts.PYTHON)}}
    record = {
        "format": _FORMAT,
        "arguments": arguments,
        "taken": [python, before, take(made, now_ns)],
        "result": asdict(result),
    }
    disk.write_atomically(path, json.dumps(record, separators=(",", ":")), durable=False)
    return True


def read_if_unchanged(path: Path, arguments: JsonLike) -> KeptResult | None:
    """Return what the last run printed if it had the same arguments and all that it saw is unchanged."""
    try:
        record = json.loads(path.read_bytes())
        if record["format"] != _FORMAT or record["arguments"] != json.loads(json.dumps(arguments)):
            return None
        if not all(holds(taken) for taken in record["taken"]):
            return None
        return KeptResult(str(record["result"]["text"]), int(record["result"]["exit_code"]))
    except (OSError, RecursionError, ValueError, KeyError, TypeError, AttributeError):
        return None  # no stamp, or a damaged one: the run is made in full and finds its artifacts sealed


def holds(taken: Taken) -> bool:
    """Return whether everything is still as it was taken."""
    return all(
        _SORTS[sort].same(place, found) for sort, places in taken.items() for place, found in places.items()
    )


@dataclass(frozen=True)
class _Sort:
    """How one sort of place is signed, at a time in ns, and compared."""

    find: Callable[[str, int], Json]
    same: Callable[[str, Json], bool]


def _compared(find: Callable[[str], Json]) -> _Sort:
    """Return a sort that is found anew and compared as a whole."""
    return _Sort(lambda place, now_ns: find(place), lambda place, found: find(place) == found)


def _file(place: str, now_ns: int) -> Json:
    return _signed(place, filestat.of(place), now_ns)


def _same_file(place: str, found: Json) -> bool:
    return _still(place, filestat.of(place), found)


def _signed(place: str, signature: filestat.FileStat | None, now_ns: int) -> Json:
    """Return a signature, or the content's digest beside it where the signature alone would not do."""
    if signature is None:
        return _FOLDER if Path(place).is_dir() else None
    return [list(signature), None if filestat.settled(signature, now_ns) else _content(place)]


def _still(place: str, signature: filestat.FileStat | None, found: Json) -> bool:
    if signature is None or not isinstance(found, list):
        return signature is None and found == (_FOLDER if Path(place).is_dir() else None)
    return list(signature) == found[0] and (found[1] is None or found[1] == _content(place))


def _tree(but: str | None) -> _Sort:
    """Return the sort of folders, by every file below them that is not in a folder named `but`."""

    def find(place: str, now_ns: int) -> Json:
        below = filestat.below(place, but)
        return {name: _signed(f"{place}/{name}", signature, now_ns) for name, signature in below.items()}

    def same(place: str, found: Json) -> bool:
        below = filestat.below(place, but)
        return (
            isinstance(found, dict)
            and below.keys() == found.keys()
            and all(_still(f"{place}/{name}", below[name], found[name]) for name in below)
        )

    return _Sort(find, same)


def _database(place: str, now_ns: int) -> Json:
    return [_file(place, now_ns), _log(place)]


def _same_database(place: str, found: Json) -> bool:
    return isinstance(found, list) and _same_file(place, found[0]) and _log(place) == found[1]


def _log(place: str) -> Json:
    """Return the signature of a database's write-ahead log; an empty one holds nothing, like none."""
    signature = filestat.of(f"{place}-wal")
    return list(signature) if signature is not None and signature[0] > 0 else None


def _signature(place: str) -> Json:
    signature = filestat.of(place)
    return list(signature) if signature is not None else None


def _content(place: str) -> str | None:
    try:
        with open(place, "rb") as file:  # noqa: PTH123 - a string, and light
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _matched(place: str, now_ns: int) -> Json:
    names, signatures = _walked(place)
    return [names, *_signed_set(signatures, now_ns)]


def _same_matched(place: str, found: Json) -> bool:
    if not isinstance(found, list):
        return False
    names, signatures = _walked(place)
    return names == found[0] and _still_set(signatures, found[1:])


def _walked(place: str) -> tuple[str, dict[str, filestat.FileStat | None]]:
    folder, pattern = json.loads(place)
    # Every file's own stat is needed: a file that is written anew in place changes no folder. To stat while listing,
    # by the entries or from the open folder, was no quicker, and nor were two threads.
    paths = file_patterns.matches(folder, pattern)
    return names_digest(paths), {path: filestat.of(path) for path in paths}


def names_digest(paths: Collection[str]) -> str:
    """Return what stands for the paths that a pattern matches: how many, and their digest."""
    text = "\0".join(paths).encode("utf-8", "surrogateescape")
    return f"{len(paths)} {hashlib.sha256(text).hexdigest()}"


def names_taken(taken: Taken, folder: str, pattern: str) -> str | None:
    """Return the `names_digest` of the paths that matched when a pattern was taken."""
    found = taken["patterns"][json.dumps((folder, pattern))]
    return str(found[0]) if isinstance(found, list) else None


def _by_folder(paths: Sequence[str]) -> str:
    """Return many paths as one text: by folder the names in it."""
    found: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, []).append(name)
    return json.dumps(found)


def _paths(place: str) -> list[str]:
    return [f"{folder}/{name}" for folder, names in json.loads(place).items() for name in names]


def _set(place: str, now_ns: int) -> Json:
    return _signed_set({path: filestat.of(path) for path in _paths(place)}, now_ns)


def _same_set(place: str, found: Json) -> bool:
    return isinstance(found, list) and _still_set({path: filestat.of(path) for path in _paths(place)}, found)


def _signed_set(signatures: Mapping[str, filestat.FileStat | None], now_ns: int) -> list[Json]:
    """Return one digest of all signatures, and the contents of files whose signature alone would not do."""
    young: dict[str, Json] = {
        path: _content(path)
        for path, signature in signatures.items()
        if signature is not None and not filestat.settled(signature, now_ns)
    }
    return [_digest(signatures), young]


def _still_set(signatures: Mapping[str, filestat.FileStat | None], found: list[Json]) -> bool:
    digest, young = found
    same = digest == _digest(signatures) and isinstance(young, dict)
    return same and all(_content(path) == content for path, content in cast("JsonObject", young).items())


def _digest(signatures: Mapping[str, filestat.FileStat | None]) -> str:
    # A hundred thousand stats cost what there is to spend: they are neither kept nor written as text. Version 2 of
    # this form, since later ones depend on how often an object is referred to.
    return hashlib.sha256(marshal.dumps([*signatures.values()], 2)).hexdigest()


_SORTS = {
    "files": _Sort(_file, _same_file),
    "sets": _Sort(_set, _same_set),
    "contents": _compared(_content),
    "folders": _tree(None),
    "sources": _tree(_COMPILED),
    "patterns": _Sort(_matched, _same_matched),
    "facts": _compared(facts.read),
    "databases": _Sort(_database, _same_database),
    "sealed": _compared(_signature),
}
