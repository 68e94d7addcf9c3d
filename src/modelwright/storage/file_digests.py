"""Digests of the files and folders that a project points at, without reading again what did not change."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from modelwright.core import digests
from modelwright.core.messages import DataError, MachineError, Problem
from modelwright.storage import disk, filestat
from modelwright.storage.filestat import FileStat

_CACHE_FORMAT = 1
_MOST_ENTRIES = 200_000  # some 40 MB of JSON; beyond that, entries of files that are gone are dropped


class FileDigests:
    """Digests by path. What was read is remembered in a cache file, which may be lost or damaged unharmed.

    An entry is trusted while size, mtime, ctime and inode are the same, and is only made for files that
    changed long enough ago for a further change to show in these (see `filestat`).
    """

    def __init__(self, cache: Path | None = None, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = cache
        self._now_ns = now_ns
        self._known: dict[str, tuple[FileStat, str]] = {}
        self._dirty = False
        if cache is not None:
            with suppress(OSError, RecursionError, ValueError, TypeError, KeyError):
                data = json.loads(cache.read_text(encoding="utf-8"))
                if data["format"] == _CACHE_FORMAT:
                    self._known = {
                        str(path): ((int(a), int(b), int(c), int(d)), str(sha256))
                        for path, (a, b, c, d, sha256) in data["files"].items()
                    }

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file, or `core.digest.of_folder` of a folder. Raises DataError."""
        place = path.absolute()
        with _readable(path):
            if place.is_dir():
                below = filestat.below(place)
                found = digests.of_json(
                    {name: self._of_file(str(place / name), below[name]) for name in sorted(below)}
                )
            else:
                found = self._of_file(str(place), filestat.of(place))
        self.save()
        return found

    def of_many(self, files: Mapping[str, str]) -> str:
        """Return the digest of many files by name (name → absolute path), of names and contents. Raises DataError."""
        with _readable(None):
            found = digests.of_json(
                {name: self._of_file(path, filestat.of(path)) for name, path in sorted(files.items())}
            )
        self.save()
        return found

    def save(self) -> None:
        """Write what is new; that it cannot be written is no error."""
        if self._path is None or not self._dirty:
            return
        self._dirty = False
        if len(self._known) > _MOST_ENTRIES:
            self._known = {place: entry for place, entry in self._known.items() if filestat.of(place)}
        files = {place: [*signature, sha256] for place, (signature, sha256) in self._known.items()}
        text = json.dumps({"format": _CACHE_FORMAT, "files": files}, separators=(",", ":"))
        with suppress(OSError, MachineError):
            disk.write_atomically(self._path, text, durable=False)

    def _of_file(self, place: str, signature: FileStat | None) -> str:
        now_ns = self._now_ns()
        known = self._known.get(place)
        if known is not None and known[0] == signature:
            return known[1]
        sha256 = digests.of_file(Path(place))
        # Taken before reading and again after it, so that what is remembered is of one state of the file.
        if signature is not None and filestat.settled(signature, now_ns) and filestat.of(place) == signature:
            self._known[place] = (signature, sha256)
            self._dirty = True
        return sha256


@contextmanager
def _readable(path: Path | None) -> Iterator[None]:
    """Raise DataError for a file that cannot be read."""
    try:
        yield
    except OSError as error:
        problem = Problem(
            "files.unreadable",
            where=str(error.filename or path),
            error=error.strerror or type(error).__name__,
        )
        raise DataError(problem) from error
