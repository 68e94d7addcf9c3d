"""Where rows lie in [0, 1), by which they are split: by a hash, in groups, in order of time; or a column states it.

Test takes the least positions, then validation, then train. With `split.by: time` the newest rows have the least, so
that a function is tested on what comes after that from which it learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.messages import DataError, Problem, shown
from modelwright.kinds.contract.column import Column
from modelwright.stages.data.canonical import positions, row_texts
from modelwright.stages.data.columns.distinct import DistinctCells
from modelwright.stages.data.columns.split_columns import split_column
from modelwright.stages.data.columns.wildcard import infer
from modelwright.stages.data.columns.written import settled
from modelwright.stages.data.config import GROUP, HASH, TIME, DataConfig
from modelwright.stages.data.hashing.hasher import Digests, RowTexts
from modelwright.stages.data.raw_rows import Chunk, RawRows
from modelwright.stages.data.split import CODES, SPLITS, TEST

SHOWN_ROWS = 5
WORDS = {
    **{split: CODES[split] for split in SPLITS},
    **dict.fromkeys(("valid", "val", "dev"), CODES["validation"]),
    "training": CODES["train"],
}


class RowPlaces:
    """Says where the rows of our own to split go."""

    def __init__(self, config: DataConfig, rows: RawRows) -> None:
        self._config = config
        self._by = config.split.by
        self._column = split_column(config)
        self._order = self._newest_first(rows) if self._by == TIME else None
        self._unread: list[tuple[str, int, object]] = []
        self._unread_count = 0

    def hashed(self, raw: Chunk, inputs: RowTexts) -> RowTexts | None:
        """Return the texts by whose hashes the rows of a chunk lie; None where they lie by time."""
        if self._order is not None:
            return None
        if self._by == GROUP:
            assert self._column is not None
            return row_texts(pl.DataFrame({GROUP: raw.cells[self._column]}))
        return inputs

    def positions(self, raw: Chunk, digests: Digests | None) -> NDArray[np.float64]:
        """Return where the rows (n,) of a chunk lie; digests: of what `hashed` gave."""
        if digests is None:
            assert self._order is not None
            return self._order[raw.begin : raw.end]
        return positions(digests)

    def stated(self, raw: Chunk) -> NDArray[np.uint8] | None:
        """Return the codes (n,) of the splits that the cells of `split.by` name; None where no column states them."""
        if self._by in {HASH, GROUP, TIME} or raw.given in SPLITS:
            return None
        assert self._column is not None
        cells = raw.cells[self._column].to_list()
        codes = [WORDS.get(cell.strip().lower()) if isinstance(cell, str) else None for cell in cells]
        for place, code in enumerate(codes):
            if code is None:
                self._unread_count += 1
                if len(self._unread) < SHOWN_ROWS:
                    self._unread.append((raw.table.name, raw.number + place, cells[place]))
        return np.array([0 if code is None else code for code in codes], dtype=np.uint8)

    def require_known(self) -> None:
        """Raise DataError for cells that name no split."""
        if self._unread:
            where, _, cell = self._unread[0]
            raise DataError(
                Problem(
                    "data.no-split-word",
                    where=where,
                    column=self._column,
                    rows=[row for _, row, _ in self._unread],
                    shown=shown(cell),
                    count=self._unread_count if self._unread_count > SHOWN_ROWS else None,
                )
            )

    def _newest_first(self, rows: RawRows) -> NDArray[np.float64]:
        """Return the position (n,) of each row: equal times have one, and none straddles a border of the split."""
        column = self._column
        assert column is not None
        order = times_of(rows, column, self._config)
        # Ours to split are the rows of `source` (or `train`): the others are where their files say.
        given = [(chunk.cells.height, chunk.given) for chunk in rows.chunks({TIME: column})]
        ours = np.concatenate([np.full(height, split != TEST) for height, split in given])
        ranks = np.ones(len(order))
        mine = order.filter(pl.Series(ours))
        ranks[ours] = 1.0 - mine.rank("max").to_numpy() / max(len(mine), 1)
        return ranks


def times_of(rows: RawRows, column: str, config: DataConfig) -> pl.Series:
    """Return the times (n,) of all rows as they compare: numbers, or ISO texts of one clock.

    They are written as `data` states it, or the cells show. Raises DataError for a column without an order, for dates
    that are two days each, and for rows without a time.
    """

    def cells() -> Iterable[pl.Series]:
        for chunk in rows.chunks({TIME: column}):
            yield chunk.cells[TIME]

    options = config.cell_options(column, column)
    field = infer(TIME, DistinctCells(cells()), options=options)
    # A kind whose values are never words and that is no class has an order: numbers and dates.
    if field is None or not (kinds.value(field.kind).takes_words and not kinds.value(field.kind).labelled):
        raise DataError(Problem("data.no-time", column=column, kind=None if field is None else field.kind))
    found = kinds.facet(field.kind, Column)
    written = settled(found.survey(cells, options), options, column)
    times: list[object] = []
    for part in cells():
        times += map(_comparable(field.kind), found.values(found.parse(part, written).values))
    order = pl.Series(times, strict=False)
    if missing := order.null_count():
        raise DataError(Problem("data.time-missing", column=column, count=missing, rows=len(order)))
    return order


def _comparable(kind: str) -> Callable[[object], object]:
    value = kinds.value(kind)
    return lambda one: None if one is None else value.comparable(one)
