"""Rows in order of time: read once, by series, with the numbers of each series on a grid of equal steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.messages import DataError, Problem
from modelwright.core.signature import Field
from modelwright.stages.data.columns.where_rows_go import times_of
from modelwright.stages.data.columns.written import Written
from modelwright.stages.data.config import DataConfig
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.refusals import Refusals
from modelwright.stages.data.split import SPLITS, TEST
from modelwright.stages.data.windows.remarks import Remarks
from modelwright.stages.data.windows.stamps import Stamps, StepGrid, are_daylight, as_stamps, grid_of
from modelwright.stages.data.windows.window_fields import WindowFields
from modelwright.tables.series import series as series_of_cells

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MOST_GAPS = 20  # steps of the grid for each row of a series, beyond which its stamps lie on no grid
_SPARE = 10_000  # steps that a short series may have all the same


@dataclass(frozen=True)
class Series:
    """The rows of one group in the files of one purpose, a step each.

    numbers: by column (steps,), NaN where none is; row_at: (steps,) the row of each step among all rows, -1 for none;
    times: (rows,) rising, and places: their steps; grid: None where rows follow each other without stamps.
    """

    name: str | None
    given: str
    numbers: Mapping[str, Floats]
    row_at: Places
    times: Floats
    places: Places
    grid: StepGrid | None
    clock: bool

    @property
    def steps(self) -> int:
        """Return how many steps there are, gaps included."""
        return len(self.row_at)

    @property
    def first(self) -> int:
        """Return which step of all time the first one is: equal for series whose rows begin at one moment."""
        if self.grid is None:
            return int(self.times[0])
        if self.grid.unit == "months":
            begin = datetime.fromtimestamp(self.times[0], UTC)
            return (begin.year * 12 + begin.month - 1) // int(self.grid.size)
        return round(float(self.times[0]) / self.grid.size)

    def place_of(self, border: float) -> int:
        """Return the first step at or after a time."""
        at = int(np.searchsorted(self.times, border))
        return int(self.places[at]) if at < len(self.places) else self.steps

    def times_at(self, steps: Places) -> list[str]:
        """Return what names steps: their time, or their number where rows have none."""
        if self.grid is None:
            return [str(step) for step in steps.tolist()]
        if self.grid.unit == "months":
            first = datetime.fromtimestamp(self.times[0], UTC)
            months = first.year * 12 + first.month - 1 + steps * int(self.grid.size)
            return [f"{month // 12:04}-{month % 12 + 1:02}" for month in months.tolist()]
        seconds = (self.times[0] + steps * self.grid.size).tolist()
        if not self.clock:
            return [f"{second:.17g}" for second in seconds]
        return [datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat() for second in seconds]


@dataclass(frozen=True)
class OrderedRows:
    """All rows, as arrays (n,) in the order of the files.

    cells: raw cells by column, for what is no series; group: codes, and `names` of them (None: there are no groups);
    given: place in SPLITS of the files that are for a split, 3 for those that are ours to split; borders: the times at
    which validation and test begin among these.
    """

    cells: Mapping[str, pl.Series]
    numbers: Mapping[str, Floats]
    group: NDArray[np.int64]
    names: list[str | None]
    given: NDArray[np.int64]
    stamps: Stamps | None
    order: Floats
    borders: tuple[float, float]

    def series(self, remarks: Remarks) -> Iterator[Series]:
        """Yield the series, and count what is odd about their stamps."""
        rows = np.lexsort((self.order, self.group, self.given))
        rows = rows[self.group[rows] >= 0]
        owner = self.given[rows] * (len(self.names) + 1) + self.group[rows]
        grid = None if self.stamps is None else grid_of(_taken(self.stamps, rows), owner)
        begins = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if rows.size else np.empty(0, np.int64)
        for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
            mine = rows[begin:end]
            given = (*SPLITS, "source")[self.given[mine[0]]]
            yield self._one(mine, given, self.names[self.group[mine[0]]], grid, remarks)

    def _one(
        self, rows: Places, given: str, name: str | None, grid: StepGrid | None, remarks: Remarks
    ) -> Series:
        times = self.order[rows]
        places, off = np.arange(len(rows)), 0
        if grid is not None:
            places, off = grid.places(times)
            if places.max() >= MOST_GAPS * len(rows) + _SPARE:
                raise DataError(
                    Problem("data.sparse-stamps", steps=int(places.max()) + 1, rows=len(rows), group=name)
                )
        first = np.r_[True, places[1:] != places[:-1]]
        twice = times[~first]
        clock = self.stamps is not None and self.stamps.clock
        remarks.stamps(off, len(twice), daylight=clock and are_daylight(twice))
        rows, times, places = rows[first], times[first], places[first]
        row_at = np.full(int(places[-1]) + 1, -1, np.int64)
        row_at[places] = rows
        remarks.gaps(int((row_at < 0).sum()))
        numbers = {}
        for column, found in self.numbers.items():
            numbers[column] = np.full(len(row_at), np.nan)
            numbers[column][places] = found[rows]
        return Series(name, given, numbers, row_at, times, places, grid, clock)


def read_rows(fields: WindowFields, config: DataConfig, rows: RawRows, remarks: Remarks) -> OrderedRows:
    """Return all rows in arrays; raises DataError for numbers that are none, and for rows without a time."""
    numbers = _numbers(fields, config, rows, remarks)
    wanted = dict.fromkeys(column for column, _ in fields.single.values())
    parts: dict[str, list[pl.Series]] = {column: [] for column in wanted}
    groups: list[object] = []
    given = []
    for chunk in rows.chunks():
        for column in wanted:
            parts[column].append(chunk.cells[column])
        if config.group is not None:
            groups += chunk.cells[config.group].to_list()
        # files that are for one split alone; of `train` validation may be taken
        code = SPLITS.index(chunk.given) if chunk.given in SPLITS else len(SPLITS)
        given.append(np.full(chunk.cells.height, code))
    purpose = np.concatenate([np.empty(0, np.int64), *given])
    group, names = _groups(groups, len(rows), remarks)
    stamps = None if config.time is None else as_stamps(times_of(rows, config.time, config))
    order = stamps.times if stamps is not None else _ranks(group)
    if stamps is not None:
        by_series = np.lexsort((np.arange(len(order)), group, purpose))
        owner = purpose[by_series] * (len(names) + 1) + group[by_series]
        back = (np.diff(order[by_series]) < 0) & (np.diff(owner) == 0)
        remarks.unsorted(int(back.sum()))
    ours = order[(group >= 0) & (purpose != SPLITS.index(TEST))]
    cells = {column: _joined(column, found) for column, found in parts.items()}
    return OrderedRows(cells, numbers, group, names, purpose, stamps, order, _borders(np.sort(ours), config))


def _borders(times: Floats, config: DataConfig) -> tuple[float, float]:
    """Return the times at which validation and test begin, of times (n,) in order; infinity where nothing does."""
    found = []
    for later in (config.shares.validation + config.shares.test, config.shares.test):
        at = len(times) - round(len(times) * later / 100)
        found.append(float(times[at]) if later > 0 and at < len(times) else np.inf)
    return found[0], found[1]


def _numbers(fields: WindowFields, config: DataConfig, rows: RawRows, remarks: Remarks) -> dict[str, Floats]:
    """Return the numbers of each series' column (n,), NaN where there is none."""
    pseudo = [Field(column, kind) for column, kind in fields.kinds.items()]
    written = Written(config, rows)
    names = {one.name: one.name for one in pseudo}
    written.require_known({*fields.columns, *names})
    written.survey(pseudo, names)
    refusals = Refusals((), np.zeros(len(rows), np.bool_), written, keep=False)
    found: dict[str, list[Floats]] = {one.name: [] for one in pseudo}
    for chunk in rows.chunks(names):
        for order, one in enumerate(pseudo):
            values = refusals.parse(one, order, chunk, required=False)
            found[one.name].append(values.cast(pl.Float64).fill_null(np.nan).to_numpy())
    if config.invalid == "error":
        refusals.require_none()
    remarks.written(written, names, int(refusals.mask.sum()))
    return {name: np.concatenate([np.empty(0), *parts]) for name, parts in found.items()}


def _groups(cells: list[object], count: int, remarks: Remarks) -> tuple[Places, list[str | None]]:
    """Return the code (n,) of each row's group, -1 for none, and the names of the codes."""
    if not cells:
        return np.zeros(count, np.int64), [None]
    codes: dict[str, int] = {}
    found = np.empty(count, np.int64)
    for row, cell in enumerate(cells):
        name = None if cell is None else str(cell).strip()
        found[row] = codes.setdefault(name, len(codes)) if name else -1
    remarks.without_group(int((found < 0).sum()))
    return found, [*codes]


def _ranks(group: Places) -> Floats:
    """Return the number (n,) of each row in its group, in the order of the files."""
    order = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0]) if len(group) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[begins, len(group)])
    found = np.empty(len(group))
    found[order] = np.arange(len(group)) - np.repeat(begins, sizes)
    return found


def _taken(stamps: Stamps, rows: Places) -> Stamps:
    return Stamps(stamps.times[rows], stamps.clock)


def _joined(name: str, parts: list[pl.Series]) -> pl.Series:
    if len({part.dtype for part in parts}) == 1:
        return pl.concat([part.alias(name) for part in parts])
    return series_of_cells(name, [cell for part in parts for cell in part.to_list()])
