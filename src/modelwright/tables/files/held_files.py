"""Cells that stand for files: paths, found and read within the folders that they may lie in; data URIs. Light.

Whoever wrote a table need not be whoever runs the project, so a path may lead to a file in the table's folder or in the
project's and to none outside, whatever links there are on the way.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from modelwright.core.messages import ValueProblem, shown
from modelwright.core.units import Unit, format_quantity

MOST_BYTES = 32_000_000  # of one file, unless `data.files.largest` says otherwise
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DATA_URI = re.compile(r"data:[^,]*,", re.IGNORECASE)
# Shorter than a picture or a sound can be, longer than the name of a file without a dot mostly is.
_FEWEST_ENCODED = 64
_ENCODED = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_MOST_LISTED = 100_000  # names of a folder in which a like one is looked for


@dataclass(frozen=True)
class Found:
    """A file: `path` as it was looked up (a link as such), `real` without links, its size in bytes."""

    path: str
    real: str
    size: int


@dataclass
class HeldFiles:
    """Finds and reads the files that cells name; paths are relative to the first of `folders` that has them.

    roots: without links; a file must lie below one of them. most_bytes: of one file.
    """

    folders: Sequence[Path]
    roots: Sequence[Path]
    most_bytes: int = MOST_BYTES
    _real: dict[str, str] = field(default_factory=dict)
    _names: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def within(cls, *folders: Path, most_bytes: int = MOST_BYTES) -> HeldFiles:
        """Return one that looks in these folders and keeps to them."""
        every = list(dict.fromkeys(folder.absolute() for folder in folders))
        return cls(every, list(dict.fromkeys(folder.resolve() for folder in every)), most_bytes)

    def content(self, cell: str) -> bytes:
        """Return the bytes that a cell of text stands for: of its file, or of a data URI; raises ValueProblem."""
        text = cell.strip()
        if _DATA_URI.match(text):
            return self._bounded(_of_uri(text))
        try:
            return self.read(self.find(text))
        except ValueProblem:
            # A file of that name there is none, so that nothing else can be meant.
            if (encoded := _encoded(text)) is not None:
                return self._bounded(encoded)
            raise

    def size(self, cell: str) -> int:
        """Return about how many bytes a cell of text stands for; 0 where it stands for none that is read."""
        text = cell.strip()
        if _DATA_URI.match(text) or (len(text) > _FEWEST_ENCODED and "." not in text):
            return len(text)
        try:
            return self.find(text).size
        except ValueProblem:
            return 0

    def find(self, text: str) -> Found:
        """Return the file that a path leads to; raises ValueProblem where there is none that may be read."""
        if _ADDRESS.match(text):
            raise ValueProblem("file.address", shown=shown(text))
        outside = False
        for path in self.places(text):
            try:
                real, found = self._stat(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise _unreadable(text, error) from None
            if not self._inside(real):
                outside = True
                continue
            if not stat.S_ISREG(found.st_mode):
                raise ValueProblem("file.no-file", shown=shown(text), folder=stat.S_ISDIR(found.st_mode))
            if not found.st_size:
                raise ValueProblem("file.empty", name=shown(text))
            if found.st_size > self.most_bytes:
                raise _too_large(shown(text), found.st_size, self.most_bytes)
            return Found(path, real, found.st_size)
        if outside:
            raise ValueProblem("file.outside", shown=shown(text))
        raise ValueProblem("file.missing", shown=shown(text), near=self._near(text))

    def places(self, text: str) -> list[str]:
        """Return where the file of a path may lie, in the order in which it is looked for there.

        A path of Windows is one, too. None for what no path can be.
        """
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            return []
        if "\0" in text:
            return []
        written = dict.fromkeys((text, text.replace("\\", "/")) if "/" not in text else (text,))
        every = (f"{folder}/{one}" if one[:1] != "/" else one for folder in self.folders for one in written)
        return list(dict.fromkeys(every))

    def read(self, found: Found) -> bytes:
        """Return the content of a file; raises ValueProblem."""
        try:
            with open(found.real, "rb") as file:  # noqa: PTH123 - 100,000 of them
                content = file.read(self.most_bytes + 1)
        except OSError as error:
            raise _unreadable(found.path.rpartition("/")[2], error) from None
        return self._bounded(content)

    def _bounded(self, content: bytes) -> bytes:
        if not content:
            raise ValueProblem("file.empty", name=None)
        if len(content) > self.most_bytes:
            raise _too_large(None, len(content), self.most_bytes)
        return content

    def _stat(self, path: str) -> tuple[str, os.stat_result]:
        """Return a path without links and what stat says of it; folders are looked up once."""
        folder, _, name = path.rpartition("/")
        if name in {"", ".", ".."}:
            real = os.path.realpath(path, strict=True)
            return real, os.stat(real)  # noqa: PTH116
        known = self._real.get(folder)
        if known is None:
            known = self._real[folder] = os.path.realpath(folder or "/")
        real = f"{known.rstrip('/')}/{name}"
        found = os.lstat(real)
        if stat.S_ISLNK(found.st_mode):
            real = os.path.realpath(real, strict=True)
            found = os.stat(real)  # noqa: PTH116
        return real, found

    def _inside(self, real: str) -> bool:
        return any(real.startswith(f"{str(root).rstrip('/')}/") for root in self.roots)

    def _near(self, text: str) -> str | None:
        """Return the name of a file beside where one is missing: of another case, or with an ending."""
        for path in self.places(text):
            folder, _, name = path.rpartition("/")
            if folder not in self._names:
                self._names[folder] = self._listing(folder)
            found = self._names[folder].get(name.casefold())
            if found is not None:
                return f"{text.rpartition('/')[0]}/{found}".lstrip("/")
        return None

    def _listing(self, folder: str) -> dict[str, str]:
        """Return the names in a folder, by how they may be miswritten; none of a folder outside."""
        if not self._inside(f"{os.path.realpath(folder)}/"):
            return {}
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208
        except OSError:
            return {}
        if len(names) > _MOST_LISTED:
            return {}
        stems = {name.rpartition(".")[0].casefold(): name for name in names if "." in name.lstrip(".")}
        return {**stems, **{name.casefold(): name for name in names}}


def file_in(cell: object) -> object:
    """Return the bytes, or else the path, of what the hubs of the field write for a file: {bytes, path}."""
    if isinstance(cell, dict) and cell.keys() <= {"bytes", "path", "sampling_rate"} and cell:
        content = cell.get("bytes")
        return cell.get("path") if content is None else content
    return cell


def _of_uri(text: str) -> bytes:
    """Return the bytes of a data URI (RFC 2397); raises ValueProblem."""
    head, _, body = text.partition(",")
    try:
        if head.lower().endswith(";base64"):
            return base64.b64decode("".join(body.split()), validate=True)
        return unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        raise ValueProblem("file.data-uri") from None


def _encoded(text: str) -> bytes | None:
    """Return the bytes of a text that is base64 and no path; None for any other."""
    if len(text) < _FEWEST_ENCODED or _ENCODED.fullmatch(text) is None:
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _unreadable(text: str, error: OSError) -> ValueProblem:
    return ValueProblem("file.unreadable", shown=shown(text), error=error.strerror or type(error).__name__)


def _too_large(name: object, size: int, most: int) -> ValueProblem:
    sizes = (format_quantity(one, Unit.BYTES) for one in (size, most))
    return ValueProblem("file.too-large", name=name, size=next(sizes), most=next(sizes))
