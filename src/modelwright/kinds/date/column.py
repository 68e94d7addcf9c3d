"""Columns of the kind `date`."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions, Survey
from modelwright.kinds.contract.column import (
    Chunks,
    Column,
    Parsed,
    parse_by_value,
    parse_rest_by_value,
    without_stated,
)
from modelwright.kinds.date.value import DateValue
from modelwright.kinds.shared.dates import DateCells

# The forms that tables write most: a day; a moment to the second, with or without a Z.
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z?$"


class DateColumn(Column[str]):
    """A column of `pl.String`: ISO texts, each with its own offset."""

    of: ClassVar[DateValue] = DateValue()

    def dtype(self) -> type[pl.DataType]:
        """Return the type of the column in rows.parquet."""
        return pl.String

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return ISO texts in their shortest form."""
        cells = without_stated(cells, options)
        if cells.dtype == pl.Date:
            cells = cells.cast(pl.Datetime("us"))
        if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone is None:
            # Years of four digits, and whole seconds: others are read one by one.
            year = cells.dt.year()
            whole = (cells.dt.nanosecond() == 0) & (year >= 1000) & (year <= 9999)
            texts = cells.dt.strftime("%Y-%m-%dT%H:%M:%S").str.strip_suffix("T00:00:00")
            return parse_rest_by_value(self, cells, texts, whole.fill_null(value=True), options)
        if cells.dtype != pl.String:
            return parse_by_value(self, cells, options)
        return self._of_texts(cells, options)

    def survey(
        self, chunks: Chunks, options: CellOptions = DEFAULT_OPTIONS, *, thorough: bool = False
    ) -> Survey:
        """Return the words for nothing, and how many cells that are no ISO 8601 each form reads."""
        survey = super().survey(chunks, options, thorough=thorough)
        survey.dates = DateCells(options.date_forms)
        for cells in chunks():
            there = cells.drop_nulls()
            if there.dtype == pl.String:
                there = there.filter(~there.str.contains(f"({_DAY})|({_MOMENT})"))
            if there.dtype in {pl.String, pl.Object} or there.dtype.is_integer():
                survey.dates.merge(self.of.date_cells(there.to_list(), options))
        return survey

    def _of_texts(self, cells: pl.Series, options: CellOptions) -> Parsed:
        frame = pl.DataFrame({"cell": cells})
        cell = pl.col("cell")
        day = cell.str.slice(0, 10)
        there = day.str.to_date("%Y-%m-%d", strict=False).is_not_null() & (day.str.slice(0, 4) != "0000")
        is_day, is_moment = cell.str.contains(_DAY) & there, cell.str.contains(_MOMENT) & there
        in_utc = cell.str.ends_with("Z")
        clock = cell.str.slice(11).str.strip_suffix("Z")
        seconds = pl.when(clock.str.len_bytes() == 5).then(clock + ":00").otherwise(clock)
        end = pl.when(in_utc).then(pl.lit("Z")).otherwise(pl.lit(""))
        moment = pl.when((seconds == "00:00:00") & ~in_utc).then(day).otherwise(day + "T" + seconds + end)
        read = frame.select(
            values=pl.when(is_day).then(cell).when(is_moment).then(moment),
            sure=(is_day | is_moment).fill_null(value=True),
        )
        return parse_rest_by_value(self, cells, read["values"], read["sure"], options)
