"""Columns of the kind `timeseries`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions, Survey
from modelwright.kinds.contract.column import Chunks, Column, Parsed, read_by_value
from modelwright.kinds.shared.lists.list_columns import survey_of_lists
from modelwright.kinds.timeseries.value import MOST_STEPS, TimeseriesValue, of_text
from modelwright.kinds.timeseries.window import TimeWindow


class TimeseriesColumn(Column[TimeWindow]):
    """A column of `pl.List(pl.List(pl.Float64))`: of each row its steps, of each step its channels; null is a gap."""

    of: ClassVar[TimeseriesValue] = TimeseriesValue()

    def dtype(self) -> pl.DataType:
        """Return the type of the column in rows.parquet."""
        return pl.List(pl.List(pl.Float64))

    def store(self, value: TimeWindow) -> object:
        """Return the steps as lists of channels."""
        flat = [None if one != one else one for one in value.flat]  # noqa: PLR0124 - a gap is not itself
        size = value.channels
        return [flat[begin : begin + size] for begin in range(0, len(flat), size)]

    def restore(self, stored: Any) -> TimeWindow:
        """Return the series of stored steps."""
        return TimeWindow.of(
            (np.nan if one is None else one for step in stored for one in step), len(stored[0])
        )

    def survey(
        self, chunks: Chunks, options: CellOptions = DEFAULT_OPTIONS, *, thorough: bool = False
    ) -> Survey:
        """Return what other kinds show, and how many texts each form of numbers reads."""
        survey = super().survey(chunks, options, thorough=thorough)
        survey.numbers = survey_of_lists(self.of, chunks, options, of_text, thorough=thorough)
        return survey

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return the series; lists of numbers are taken as they stand, other cells are read one by one."""
        inner = getattr(cells.dtype, "inner", None)
        if not isinstance(cells.dtype, pl.List) or inner is None or not _is_number(inner):
            return self._by_value(cells, options)
        numbers = cells.cast(pl.List(pl.Float64), strict=False)
        lengths = numbers.list.len().fill_null(0).to_numpy()
        flat = numbers.filter(pl.Series(lengths > 0)).explode()
        place = np.repeat(np.arange(len(cells)), lengths)  # of each number its row
        odd = (flat.is_infinite() | flat.is_nan()).fill_null(value=False).to_numpy()
        held = np.bincount(place, weights=flat.is_not_null().to_numpy(), minlength=len(cells)) > 0
        strange = np.bincount(place, weights=odd, minlength=len(cells)) > 0
        whole = held & ~strange & (lengths <= MOST_STEPS)
        if not (whole | cells.is_null().to_numpy()).all():
            return self._by_value(cells, options)  # which says what is wrong
        values = _in_lists(flat.filter(pl.Series(whole[place])), lengths[whole])
        return Parsed(_scattered(values, whole, self.dtype()).alias(cells.name), {})

    def _by_value(self, cells: pl.Series, options: CellOptions) -> Parsed:
        """Read cells one by one; the column is made of all numbers at once, which is five times as quick."""
        values, refused = read_by_value(self, cells, options)
        known = [value for value in values if value is not None]
        if len({value.channels for value in known}) != 1:
            stored = [None if value is None else self.store(value) for value in values]
            return Parsed(pl.Series(cells.name, stored, dtype=self.dtype(), strict=False), refused)
        flat = pl.Series(np.frombuffer(b"".join(value.numbers for value in known))).fill_nan(None)
        steps = np.array([value.steps for value in known])
        there = np.array([value is not None for value in values])
        column = _scattered(_in_lists(flat, steps, known[0].channels), there, self.dtype())
        return Parsed(column.alias(cells.name), refused)

    def values(self, column: pl.Series) -> list[TimeWindow | None]:
        """Return the series of a stored column, read at once."""
        there = column.drop_nulls()
        steps = there.list.len().to_numpy()
        by_step = there.explode() if len(there) else pl.Series([], dtype=pl.List(pl.Float64))
        channels = by_step.list.len().to_numpy()
        flat = by_step.explode().cast(pl.Float64).fill_null(np.nan).to_numpy() if len(there) else np.zeros(0)
        ends = np.cumsum(steps)
        numbers = np.concatenate([[0], np.cumsum(channels)]).astype(np.int64)
        found = iter(
            [
                TimeWindow(flat[numbers[end - count] : numbers[end]].tobytes(), int(channels[end - 1]))
                for end, count in zip(ends.tolist(), steps.tolist(), strict=True)
            ]
        )
        return [next(found) if known else None for known in column.is_not_null().to_list()]


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_integer() or dtype.is_float())


def _in_lists(flat: pl.Series, lengths: NDArray[np.int64], channels: int = 1) -> pl.Series:
    """Return numbers, of all rows end to end, as a list a row of lists of channels; lengths: the steps of each row."""
    if not len(lengths):
        return pl.Series([], dtype=pl.List(pl.List(pl.Float64)))
    rows = pl.Series(np.repeat(np.arange(len(lengths)), lengths))
    steps = (flat + 0.0).reshape((-1, channels)).arr.to_list()
    return pl.DataFrame({"row": rows, "step": steps}).group_by("row", maintain_order=True).agg("step")["step"]


def _scattered(values: pl.Series, places: NDArray[np.bool_], dtype: pl.DataType) -> pl.Series:
    """Return values (m,) at the m of n places that are marked, null elsewhere."""
    if places.all():
        return values.cast(dtype)
    found = pl.DataFrame({"at": np.flatnonzero(places), "value": values})
    every = pl.DataFrame({"at": np.arange(len(places))})
    return every.join(found, on="at", how="left", maintain_order="left")["value"].cast(dtype)
