"""The figures of the traffic of some time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

FIGURES = "time, version, latency_s, confidence, code, unseen, first_s, tokens_per_second"
"""The columns of `requests` that a window is made of, in their order."""


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
    def of(cls, rows: Sequence[Sequence[Any]], dropped: int = 0) -> Self:
        """Return the window of rows of the columns FIGURES."""
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * 8
        return cls(
            time=np.array(columns[0], np.float64),
            version=np.array(columns[1], np.int64),
            latency_s=np.array(columns[2], np.float64),
            confidence=np.array(columns[3], np.float64),  # None becomes NaN
            code=np.array(columns[4], np.int64),
            dropped=dropped,
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

    def and_then(self, later: Window) -> Window:
        """Return the rows of this window, and behind them those of a later one."""
        if not len(later):
            return self
        arrays = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in _ARRAYS}
        moved = {len(self) + row: names for row, names in later.unseen.items()}
        return Window(
            **arrays,
            dropped=self.dropped + later.dropped,
            unseen={**self.unseen, **moved} if moved else self.unseen,
        )

    def before(self, until: float) -> Window:
        """Return the rows whose time is before a Unix time."""
        kept = np.flatnonzero(self.time < until)
        if len(kept) == len(self):
            return self
        place = {row: new for new, row in enumerate(kept.tolist())} if self.unseen else {}
        unseen = {place[row]: names for row, names in self.unseen.items() if row in place}
        return Window(
            **{name: getattr(self, name)[kept] for name in _ARRAYS}, dropped=self.dropped, unseen=unseen
        )


_ARRAYS = tuple(one.name for one in fields(Window) if one.name not in {"dropped", "unseen"})
