"""Columns whose texts are lists of numbers: in which form the numbers are written."""

from __future__ import annotations

import polars as pl

from modelwright.kinds.contract.cells import CellOptions
from modelwright.kinds.contract.column import Chunks
from modelwright.kinds.contract.value import AnyValue
from modelwright.kinds.shared.lists.number_lists import Read, count, texts
from modelwright.kinds.shared.numbers import NumberCells


def survey_of_lists(
    of: AnyValue, chunks: Chunks, options: CellOptions, read: Read, *, thorough: bool
) -> NumberCells:
    """Return how many texts of a column each form of numbers reads; lists that a typed table holds are no texts."""
    found = NumberCells(options.forms)
    for cells in chunks():
        if cells.dtype in {pl.String, pl.Object}:
            held = texts(cells.to_list(), options, words=of.takes_words)
            found.merge(count(held, read, options.forms, thorough=thorough))
    return found
