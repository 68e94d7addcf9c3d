"""The figures of the traffic of some time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

FIGURES = "time, version, latency_s, confidence, code, unseen, first_s, tokens_per_second"
"""The columns of `requests` that a window is made of, in their order."""


_READ_ROWS = 5_000


@dataclass(frozen=True)
class Window:
    """The figures of the traffic of some time, one entry per row, in the order of arrival.

    time and latency_s: (n,) float64 seconds; version and code: (n,) int64; confidence: (n,) float64, NaN
    where there is none; unseen: by the place of a row, which of its inputs training never showed, where there
    are any; dropped: rows of that time (of every version) that the record had no room for. first_s, tokens_per_second:
    (n,) of answers that were written token by token, else NaN.
    """

    time: NDArray[np.float64]
    version: NDArray[np.int64]
    latency_s: NDArray[np.float64]
    confidence: NDArray[np.float64]
    code: NDArray[np.int64]
    dropped: int
    unseen: Mapping[int, Sequence[str]]
    first_s: NDArray[np.float64]
    tokens_per_second: NDArray[np.float64]

    @classmethod
    def read(cls, rows: sqlite3.Cursor, dropped: int = 0, *, backwards: bool = False) -> Window:
        """Return the window of the rows that a query for FIGURES finds; backwards: it finds the newest first.

        They are read by parts: as objects of Python 100,000 rows take five times what they take here, and the memory of
        who judges them again and again would grow to that.
        """
        parts = [cls.of([])]
        while some := rows.fetchmany(_READ_ROWS):
            parts.append(cls.of(some[::-1] if backwards else some))
        return joined(parts[::-1] if backwards else parts, dropped)

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Self:
        """Return the window of rows of the columns FIGURES."""
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * 8
        return cls(
            time=np.array(columns[0], np.float64),
            version=np.array(columns[1], np.int64),
            latency_s=np.array(columns[2], np.float64),
            confidence=np.array(columns[3], np.float64),  # None becomes NaN
            code=np.array(columns[4], np.int64),
            dropped=0,
            unseen={row: json.loads(names) for row, names in enumerate(columns[5]) if names is not None},
            first_s=np.array(columns[6], np.float64),
            tokens_per_second=np.array(columns[7], np.float64),
        )

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def codes(self) -> dict[int, int]:
        """Return HTTP status → rows."""
        found, counts = np.unique(self.code, return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))

    def before(self, until: float) -> Window:
        """Return the rows whose time is before a Unix time."""
        return self.of_rows(self.time < until)

    def of_rows(self, wanted: NDArray[np.bool_]) -> Window:
        """Return some of the rows, (n,)."""
        if wanted.all():
            return self
        kept = np.flatnonzero(wanted)
        place = {row: new for new, row in enumerate(kept.tolist())} if self.unseen else {}
        unseen = {place[row]: names for row, names in self.unseen.items() if row in place}
        arrays = {name: getattr(self, name)[kept] for name in _ARRAYS}
        return Window(**arrays, dropped=self.dropped, unseen=unseen)


def joined(windows: Sequence[Window], dropped: int = 0) -> Window:
    """Return the rows of windows one behind the other; dropped: of the whole."""
    unseen: dict[int, Sequence[str]] = {}
    begin = 0
    for one in windows:
        unseen |= {begin + row: names for row, names in one.unseen.items()}
        begin += len(one)
    arrays = {name: np.concatenate([getattr(one, name) for one in windows]) for name in _ARRAYS}
    return Window(**arrays, dropped=dropped, unseen=unseen)


_ARRAYS = tuple(one.name for one in fields(Window) if one.name not in {"dropped", "unseen"})
