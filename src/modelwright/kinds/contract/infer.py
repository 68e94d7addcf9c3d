"""The facet `infer`: whether a column of raw cells is of a kind, where the signature leaves it to the data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from modelwright.core.messages import Notice
from modelwright.kinds.contract.cells import CellOptions

Cells = Sequence[tuple[object, int]]
"""The distinct raw cells of a column that are not missing, each with how often it stands there."""


class Infer(ABC):
    """Says whether a column reads as a kind, as an input. Stateless.

    `rank` is the place in which a kind is tried, from the narrowest to the widest (boolean 10, number 20,
    category 80, text 90); the first kind that reads a column has it. A kind without this facet is never
    taken for granted: a project names it.
    """

    rank: ClassVar[int]

    @abstractmethod
    def reads(self, cells: Cells) -> bool:
        """Tell whether a column with these cells is of the kind; there is at least one cell."""

    def reads_written(self, cells: Cells, options: CellOptions) -> bool:
        """Tell the same, knowing how the cells are written (`data.missing`, `data.decimal` …); by default `reads`.

        What stands for nothing is not among the cells.
        """
        return self.reads(cells)

    def remarks(self, column: str, cells: Cells) -> Iterator[Notice]:
        """Yield what a person may not expect of a column that the kind has read: what else it could be.

        column: its name in the data. None by default.
        """
        yield from ()


def is_missing(cell: object) -> bool:
    """Tell whether every kind takes a raw cell of a table for a missing value: nothing, NaN, or a blank text."""
    match cell:
        case None:
            return True
        case str():
            return not cell.strip()
        case float():
            return math.isnan(cell)
        case _:
            return False


def distinct(cells: Iterable[object]) -> Cells:
    """Return the distinct cells of a column with their counts, in the order in which they first appear.

    Distinct by type too, since 1, 1.0 and True are equal and no kind reads them alike.
    """
    counts: dict[tuple[type, object], int] = {}
    first: dict[tuple[type, object], object] = {}
    for cell in cells:
        if is_missing(cell):
            continue
        key = (type(cell), cell if isinstance(cell, str | int | float | bytes) else repr(cell))
        counts[key] = counts.get(key, 0) + 1
        first.setdefault(key, cell)
    return [(first[key], count) for key, count in counts.items()]
