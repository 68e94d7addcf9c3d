"""Reads NPZ files (numpy's format of several arrays): arrays of one length become columns. No pickle is read."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.messages import DataError, Notice, Problem
from modelwright.tables.arrays.array_cells import column, reads
from modelwright.tables.sources import SourceFile
from modelwright.tables.unpacked import FREE_BYTES, MOST_BYTES, MOST_RATIO

BLOCK_BYTES = 16 << 20  # of items that become cells at once
MOST_AT_ONCE = 1 << 30  # of an array whose first axis is not the slowest, which is read as a whole
SPLIT = "split"
_SPLITS = "train|training|val|valid|validation|dev|test"
_BEFORE: Final = re.compile(rf"({_SPLITS})[_-](.+)", re.IGNORECASE)
_BEHIND: Final = re.compile(rf"(.+)[_-]({_SPLITS})", re.IGNORECASE)
_ONE: Final = {"images": "image", "labels": "label"}  # a row has one of each


@dataclass(frozen=True)
class Member:
    """An array of the file: the column that it gives, the split that its name states, and its form."""

    entry: zipfile.ZipInfo
    column: str
    split: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def item_bytes(self) -> int:
        """Return the bytes of one item of the first axis."""
        return self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=object))


@dataclass
class NpzFile:
    """An NPZ file, of which `frames` yields the rows; raises DataError for one that is damaged or holds no table.

    `notices` says which arrays were left out.
    """

    file: SourceFile
    notices: tuple[Notice, ...] = ()

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows: a column for each array, and `split` where the names of the arrays state it."""
        try:
            with zipfile.ZipFile(self.file.path) as archive:
                members, left_out = _members(archive, self.file.name)
                self.notices = tuple(left_out)
                for split, arrays in _by_split(members, self.file.name).items():
                    yield from _rows(archive, split, arrays)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            raise DataError(Problem("data.npz-damaged", where=self.file.name, error=str(error))) from None


def _members(archive: zipfile.ZipFile, name: str) -> tuple[list[Member], list[Notice]]:
    """Return the arrays that are columns, and what is said of others."""
    found: list[Member] = []
    pickled: list[str] = []
    others: list[str] = []
    for entry in archive.infolist():
        if not entry.filename.endswith(".npy"):
            others.append(entry.filename)
            continue
        packed = max(entry.compress_size, 1)
        if entry.file_size > MOST_BYTES or (
            entry.file_size > FREE_BYTES and entry.file_size > MOST_RATIO * packed
        ):
            ratio = entry.file_size / packed
            raise DataError(Problem("data.unpacks-too-far", where=name, bytes=entry.file_size, ratio=ratio))
        with archive.open(entry) as stream:
            shape, fortran, dtype = _header(stream)
        array = entry.filename.removesuffix(".npy")
        if dtype.hasobject:
            pickled.append(array)
        elif not shape or not reads(dtype, shape[1:]):
            others.append(f"{array} ({dtype}, {' × '.join(map(str, shape)) or '1'})")
        else:
            split, of = _split_of(array)
            found.append(Member(entry, _ONE.get(of, of), split, shape, dtype, fortran))
    notices = []
    if pickled:
        notices.append(Notice("data.npz-pickled", file=name, count=len(pickled), names=pickled))
    if (
        found and len({one.split is None for one in found}) > 1
    ):  # only some names state a split: none is meant
        found = [_unsplit(one) for one in found]
    kept = found if found and found[0].split is not None else _of_one_length(found, name)
    others += [
        f"{one.column} ({one.dtype}, {' × '.join(map(str, one.shape))})" for one in found if one not in kept
    ]
    if others:
        notices.append(Notice("data.npz-left-out", file=name, count=len(others), names=others[:SHOWN]))
    if not kept:
        raise DataError(Problem("data.npz-empty", where=name, names=[*pickled, *others][:SHOWN] or None))
    return kept, notices


SHOWN = 5


def _unsplit(member: Member) -> Member:
    name = member.entry.filename.removesuffix(".npy")
    return Member(member.entry, _ONE.get(name, name), None, member.shape, member.dtype, member.fortran)


def _split_of(array: str) -> tuple[str | None, str]:
    if (found := _BEFORE.fullmatch(array)) is not None:
        return found[1].lower(), found[2]
    if (found := _BEHIND.fullmatch(array)) is not None:
        return found[2].lower(), found[1]
    return None, array


def _of_one_length(members: Sequence[Member], name: str) -> list[Member]:
    """Return the arrays of the length that most have; raises DataError where no length is that of most."""
    lengths = Counter(one.shape[0] for one in members).most_common(2)
    if len(lengths) > 1 and lengths[0][1] == lengths[1][1]:
        shapes = [f"{one.column} ({' × '.join(map(str, one.shape))})" for one in members[:SHOWN]]
        raise DataError(Problem("data.npz-lengths", where=name, names=shapes))
    return [one for one in members if one.shape[0] == lengths[0][0]] if lengths else []


def _by_split(members: Sequence[Member], name: str) -> Mapping[str | None, list[Member]]:
    """Return the arrays by split; raises DataError where those of one differ in length, or splits in columns."""
    found: dict[str | None, list[Member]] = {}
    for one in members:
        found.setdefault(one.split, []).append(one)
    columns = {frozenset(one.column for one in arrays) for arrays in found.values()}
    uneven = any(len({one.shape[0] for one in arrays}) > 1 for arrays in found.values())
    doubled = any(len({one.column for one in arrays}) < len(arrays) for arrays in found.values())
    if len(columns) > 1 or uneven or doubled:
        shapes = [
            f"{one.entry.filename.removesuffix('.npy')} ({' × '.join(map(str, one.shape))})"
            for one in members
        ]
        raise DataError(Problem("data.npz-lengths", where=name, names=shapes))
    return found


def _rows(archive: zipfile.ZipFile, split: str | None, arrays: Sequence[Member]) -> Iterator[pl.DataFrame]:
    count = arrays[0].shape[0]
    rows = max(1, BLOCK_BYTES // max(1, sum(one.item_bytes for one in arrays)))
    with ExitStack() as stack:
        readers = [_Reader(stack.enter_context(archive.open(one.entry)), one) for one in arrays]
        for begin in range(0, count, rows):
            size = min(rows, count - begin)
            cells = [column(one.column, read(size)) for one, read in zip(arrays, readers, strict=True)]
            if split is not None:
                cells.append(pl.Series(SPLIT, [split] * size, dtype=pl.String))
            yield pl.DataFrame(cells)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and type of an array in numpy's format; raises ValueError."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return shape, fortran, dtype


class _Reader:
    """Reads the next items of an array."""

    def __init__(self, stream: IO[bytes], member: Member) -> None:
        self._stream, self._member, self._at = stream, member, 0
        _header(stream)
        self._whole: NDArray[Any] | None = None
        if member.fortran and len(member.shape) > 1:
            size = member.shape[0] * member.item_bytes
            if size > MOST_AT_ONCE:
                raise ValueError(f"{member.entry.filename} is stored by its last axis")
            self._whole = self._read(member.shape[0]).reshape(-1).reshape(member.shape, order="F")

    def __call__(self, count: int) -> NDArray[Any]:
        """Return the next items (count, …)."""
        if self._whole is None:
            return self._read(count)
        self._at += count
        return self._whole[self._at - count : self._at]

    def _read(self, count: int) -> NDArray[Any]:
        size = count * self._member.item_bytes
        content = self._stream.read(size)
        if len(content) < size:
            raise ValueError(f"{self._member.entry.filename} ends too early")
        return np.frombuffer(content, self._member.dtype).reshape(count, *self._member.shape[1:])
