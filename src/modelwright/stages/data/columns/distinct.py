"""The distinct cells of a column, counted in chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import polars as pl

from modelwright.kinds.contract.infer import Cells, distinct, is_missing


class DistinctCells:
    """Counts the distinct cells of a column by type: Polars those of one type, Python what it cannot count."""

    def __init__(self, chunks: Iterable[pl.Series] = ()) -> None:
        self.rows = 0
        self._counted: dict[str, pl.DataFrame] = {}
        self._others: list[object] = []
        for chunk in chunks:
            self.add(chunk)

    def add(self, cells: pl.Series) -> None:
        """Count a chunk."""
        self.rows += len(cells)
        dtype = cells.dtype
        if dtype == pl.Null:
            return
        if dtype.is_nested() or dtype == pl.Object:
            self._others += cells.to_list()
            return
        counted = pl.DataFrame({"cell": cells}).group_by("cell").agg(count=pl.len())
        if (before := self._counted.get(str(dtype))) is not None:
            counted = pl.concat([before, counted]).group_by("cell").agg(count=pl.col("count").sum())
        self._counted[str(dtype)] = counted

    def cells(self) -> Cells:
        """Return the distinct cells that are not missing, each with how often it stands there.

        The most frequent first, so that an example in a message is a typical one; ties by the cell.
        """
        found: list[tuple[object, int]] = []
        for counted in self._counted.values():
            ordered = counted.sort("count", "cell", descending=[True, False])
            found += [pair for pair in ordered.rows() if not is_missing(pair[0])]
        return _joined([*distinct(self._others), *found]) if self._others else found


def _joined(cells: Cells) -> Cells:
    """Return cells of which one may stand in chunks of mixed and of plain types, each once."""
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], object] = {}
    for cell, count in cells:
        key = (type(cell).__name__, repr(cell))
        counts[key] += count
        first.setdefault(key, cell)
    return [(first[key], counts[key]) for key in sorted(counts, key=lambda key: (-counts[key], key))]
