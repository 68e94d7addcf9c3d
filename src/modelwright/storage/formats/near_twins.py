"""Which rows of a part are nearly the same, by their ids: `near-twins.json` beside the rows, where there are any.

A part without near twins has no such file, as one that an earlier version sealed has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modelwright.storage.formats.document import Document

_FILE = "near-twins.json"
_TWINS = Document(_FILE, made_by="data")


@dataclass(frozen=True)
class NearTwins:
    """Groups of two rows or more, each row by its id; no row is in two groups."""

    groups: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, ids: Sequence[str], codes: Iterable[int]) -> Self:
        """Return the groups of rows (n,) that have one code, where there are two or more of them."""
        members: dict[int, list[str]] = {}
        for row, code in zip(ids, codes, strict=True):
            members.setdefault(code, []).append(row)
        return cls(tuple(tuple(group) for group in members.values() if len(group) > 1))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what a part says; raises StateError for a file that is none of ours."""
        return _TWINS.read(folder, cls) if (folder / _FILE).exists() else cls()

    def write(self, folder: Path) -> None:
        """Write it into a part; nothing where there are no groups."""
        if self.groups:
            _TWINS.write(folder, self)

    def codes(self, ids: Sequence[str]) -> NDArray[np.int64] | None:
        """Return which rows (n,) are of one group, as equal numbers; None where there are no groups."""
        if not self.groups:
            return None
        of_row = {row: code for code, group in enumerate(self.groups) for row in group}
        alone = len(self.groups)  # beyond every code
        return np.array([of_row.get(row, alone + place) for place, row in enumerate(ids)], np.int64)
