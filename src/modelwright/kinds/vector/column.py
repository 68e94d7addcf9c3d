"""Columns of the kind `vector`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import polars as pl

from modelwright.kinds.contract.cells import DEFAULT_OPTIONS, CellOptions, Survey
from modelwright.kinds.contract.column import Chunks, Column, Parsed, without_stated
from modelwright.kinds.shared.lists.list_columns import survey_of_lists
from modelwright.kinds.vector.value import MOST_NUMBERS, Vector, VectorValue, of_text


class VectorColumn(Column[Vector]):
    """A column of `pl.List(pl.Float64)`."""

    of: ClassVar[VectorValue] = VectorValue()

    def dtype(self) -> pl.DataType:
        """Return the type of the column in rows.parquet."""
        return pl.List(pl.Float64)

    def store(self, value: Vector) -> object:
        """Return the list of numbers."""
        return [*value]

    def restore(self, stored: Any) -> Vector:
        """Return the vector of a stored list."""
        return tuple(stored)

    def survey(
        self, chunks: Chunks, options: CellOptions = DEFAULT_OPTIONS, *, thorough: bool = False
    ) -> Survey:
        """Return what other kinds show, how many texts each form of numbers reads, and how many cells each length."""
        survey = super().survey(chunks, options, thorough=thorough)
        survey.numbers = survey_of_lists(self.of, chunks, options, of_text, thorough=thorough)
        written = replace(options, number=survey.numbers.form().form)
        for cells in chunks():
            lengths = self.parse(cells, written).values.drop_nulls().list.len()
            for length, count in lengths.value_counts(name="rows").iter_rows():
                survey.lengths[length] += count
        return survey

    def parse(self, cells: pl.Series, options: CellOptions = DEFAULT_OPTIONS) -> Parsed:
        """Return the vectors; lists of finite numbers are taken as they stand, other cells are read one by one."""
        cells = without_stated(cells, options)
        numbers = _numbers(cells)
        if numbers is None:
            return super().parse(cells, options)
        lengths = numbers.list.len()
        whole = (lengths >= 1) & (lengths <= MOST_NUMBERS) & ~_has_gaps(numbers)
        if options.length is not None:
            whole &= lengths == options.length
        if not whole.fill_null(value=True).all():
            return super().parse(cells, options)  # which says what is wrong
        # -0.0 is 0.0
        return Parsed(numbers.list.eval(pl.element() + 0.0).alias(cells.name), {})


def _numbers(cells: pl.Series) -> pl.Series | None:
    """Return lists of numbers as lists of float64, None of a column of other cells."""
    inner = getattr(cells.dtype, "inner", None)
    if not isinstance(cells.dtype, pl.List | pl.Array) or inner is None:
        return None
    if not inner.is_integer() and not inner.is_float():
        return None
    as_lists = cells.arr.to_list() if isinstance(cells.dtype, pl.Array) else cells
    return as_lists.cast(pl.List(pl.Float64))


def _has_gaps(numbers: pl.Series) -> pl.Series:
    """Return which lists hold what is no finite number."""
    return numbers.list.eval(~pl.element().is_finite().fill_null(value=False)).list.any()
