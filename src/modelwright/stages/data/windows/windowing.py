"""Makes windows of rows in order of time: each window is a row, and no window reaches from one split into another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from modelwright.core.messages import DataError, Notice, Problem
from modelwright.core.signature import Signature
from modelwright.kinds.shared.gap_filling import filled
from modelwright.stages.data.config import DataConfig, Split
from modelwright.stages.data.raw_rows import RawRows
from modelwright.stages.data.split import SPLITS, TEST, TRAIN, VALIDATION
from modelwright.stages.data.windows.ordered_rows import OrderedRows, Series, read_rows
from modelwright.stages.data.windows.remarks import Remarks
from modelwright.stages.data.windows.window_fields import AT_GROUP, AT_MOMENT, AT_TIME, WindowFields
from modelwright.tables.spool import Limits, Spool
from modelwright.tables.table import Table

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

CHUNK = 4096  # windows that are made at once
_END = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Windowed:
    """Windows as rows of their own, and the section `data` as it reads for them: columns are named as the fields.

    step_s: the seconds from one step to the next, None where steps are counted, or months; gaps: what became of them.
    """

    rows: RawRows
    config: DataConfig
    notices: tuple[Notice, ...]
    identity: tuple[str, ...] = (AT_GROUP, AT_TIME)
    step_s: float | None = None
    gaps: Literal["missing", "previous", "linear"] = "missing"


def windowed(
    signature: Signature, config: DataConfig, rows: RawRows, scratch: Path, limits: Limits
) -> Windowed:
    """Return the windows of all rows; raises DataError where there is none, or the rows have no order."""
    fields = WindowFields.of(signature, config, rows)
    remarks = Remarks(config)
    ordered = read_rows(fields, config, rows, remarks)
    maker = _Maker(config, fields, ordered, remarks, scratch, limits)
    for series in ordered.series(remarks):
        maker.add(series)
    maker.require_windows()
    tables = [(split, maker.table(split, rows)) for split in (TEST, VALIDATION, TRAIN)]
    return Windowed(
        RawRows([(split, table) for split, table in tables if table.rows]),
        _as_read(config, fields),
        tuple(remarks.notices(ordered, {split: table.rows for split, table in tables})),
        step_s=maker.step_s,
        gaps=config.fill.gaps,
    )


def _as_read(config: DataConfig, fields: WindowFields) -> DataConfig:
    """Return the section for rows that are windows: files are split, and cells are written as their columns were."""
    columns = {
        **fields.columns,
        **{kept: column for kept, (column, _) in fields.single.items() if kept not in fields.columns},
    }

    def renamed(stated: object) -> object:
        if not isinstance(stated, Mapping):
            return stated
        return {
            name: stated[given]
            for name, column in columns.items()
            for given in (name, column)
            if given in stated and name not in fields.series
        }

    files = dict.fromkeys(SPLITS, ("windows",))
    settings = {name: renamed(getattr(config, name)) for name in ("missing", "decimal", "thousands", "dates")}
    nothing: dict[str, object] = {
        "columns": {},
        "source": None,
        "group": None,
        "time": None,
        "window": None,
        "split": Split(),
    }
    return config.model_copy(update={**files, **settings, **nothing, "keep": fields.kept})


class _Maker:
    """Cuts windows out of one series after the other."""

    def __init__(
        self,
        config: DataConfig,
        fields: WindowFields,
        ordered: OrderedRows,
        remarks: Remarks,
        scratch: Path,
        limits: Limits,
    ) -> None:
        assert config.window is not None, "windows are asked for"
        self._config, self._fields, self._ordered, self._remarks = config, fields, ordered, remarks
        self._history, self._horizon = config.window, config.horizon or 0
        self._stride = config.apart
        self._apart = (self._horizon or self._history) + self._stride
        self._spools = {split: Spool(scratch / f"windows-{split}", limits) for split in SPLITS}
        self._longest = 0
        self.step_s: float | None = None

    def add(self, series: Series) -> None:
        """Make the windows of one series; one that is too short is counted."""
        self._longest = max(self._longest, series.steps)
        if series.clock and series.grid is not None and series.grid.unit == "seconds":
            self.step_s = series.grid.size  # one grid for all series
        if series.steps < self._history + self._horizon:
            self._remarks.short(series.name, series.steps)
            return
        for split, begin, end in self._parts(series):
            starts = self._starts(split, begin, end)
            for at in range(0, len(starts), CHUNK):
                self._add(split, series, starts[at : at + CHUNK])

    def _parts(self, series: Series) -> Iterator[tuple[str, int, int]]:
        """Yield the splits of a series with the steps, from and up to, that are theirs alone."""
        if series.given in {TEST, VALIDATION} or (
            series.given == TRAIN and self._config.validation is not None
        ):
            yield series.given, 0, series.steps
            return
        validates, tests = (series.place_of(border) for border in self._ordered.borders)
        yield TRAIN, 0, validates
        yield VALIDATION, validates, tests
        yield TEST, tests, series.steps

    def _starts(self, split: str, begin: int, end: int) -> Places:
        last = end - self._history - self._horizon
        if last < begin:
            return np.empty(0, np.int64)
        if split != TRAIN:
            return np.arange(begin, last + 1, self._apart)
        return np.arange(last, begin - 1, -self._stride)[::-1]  # the newest steps train, whatever the stride

    def _add(self, split: str, series: Series, starts: Places) -> None:
        histories = {
            name: self._cut(series.numbers[column], starts, self._history, 0)
            for name, column in self._fields.histories.items()
        }
        ahead = {
            name: self._cut(series.numbers[column], starts, self._horizon, self._history)
            for name, column in self._fields.ahead.items()
        }
        usable = np.ones(len(starts), np.bool_)
        for found in (*histories.values(), *ahead.values()):
            usable &= ~np.isnan(found).all(axis=1)
        places = {
            name: series.row_at[starts + self._history - 1 + offset]
            for name, (_, offset) in self._fields.single.items()
        }
        there = np.ones(len(starts), np.bool_)
        for rows in places.values():
            there &= rows >= 0
        self._remarks.left_out(int((~usable).sum()), int((usable & ~there).sum()))
        kept = usable & there
        if not kept.any():
            return
        columns = [
            _lists(name, filled(found[kept], self._config.fill.gaps)) for name, found in histories.items()
        ]
        columns += [_lists(name, found[kept]) for name, found in ahead.items()]
        columns += [
            self._ordered.cells[column].gather(places[name][kept]).alias(name)
            for name, (column, _) in self._fields.single.items()
        ]
        times = series.times_at(starts[kept] + self._history - 1)
        columns += [
            pl.Series(AT_GROUP, [series.name] * len(times), dtype=pl.String),
            pl.Series(AT_TIME, times),
            pl.Series(AT_MOMENT, (series.first + starts[kept]) // self._apart),
        ]
        self._spools[split].add(pl.DataFrame(columns))

    @staticmethod
    def _cut(numbers: Floats, starts: Places, steps: int, after: int) -> Floats:
        """Return the steps (m, steps) of numbers that begin so many after each start."""
        return sliding_window_view(numbers, steps)[starts + after]

    def require_windows(self) -> None:
        """Raise DataError where a split has no window."""
        wanted = self._history + self._horizon
        if self._longest < wanted:
            raise DataError(
                Problem(
                    "data.window-too-long", window=self._history, horizon=self._horizon, steps=self._longest
                )
            )
        shares = self._config.shares
        ours = {TRAIN: shares.train, VALIDATION: shares.validation, TEST: shares.test}
        empty = [split for split in SPLITS if not self._spools[split].rows]
        if (
            self._config.source is None
            and self._config.validation is None
            and ours[TEST] == 0
            and TEST in empty
        ):
            ours[TEST] = 1.0  # the test file's own
        empty = [split for split in empty if ours[split] > 0]
        if empty:
            raise DataError(
                Problem("data.split-without-window", splits=empty, wanted=wanted, steps=self._longest)
            )

    def table(self, split: str, rows: RawRows) -> Table:
        """Return the windows of a split; what is said of the files they came from goes with those that train."""
        tables = [table for _, table in rows.tables]
        names = list(dict.fromkeys(table.name for table in tables))
        more = f" + {len(names) - 1}" if len(names) > 1 else ""
        columns = (
            *self._fields.histories,
            *self._fields.ahead,
            *self._fields.single,
            AT_GROUP,
            AT_TIME,
            AT_MOMENT,
        )
        found = Table(f"{names[0]}{more}", columns, self._spools[split])
        if split != TRAIN:
            return found
        notices = tuple(notice for table in tables for notice in table.notices)
        return replace(found, encoding=tables[0].encoding, foreign=tables[0].foreign, notices=notices)


def _lists(name: str, numbers: Floats) -> pl.Series:
    """Return rows of numbers (m, t), NaN a gap, as a list a row."""
    flat = pl.Series(name, np.ascontiguousarray(numbers).reshape(-1)).fill_nan(None)
    return flat.reshape((len(numbers), numbers.shape[1])).arr.to_list().alias(name)
