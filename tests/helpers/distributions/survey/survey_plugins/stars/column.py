"""Columns of ratings: whole numbers."""

import polars as pl

from modelwright.kinds.contract.column import Column
from survey_plugins.stars.value import StarsValue


class StarsColumn(Column):
    """A column of `pl.Int8`."""

    of = StarsValue()

    def dtype(self):
        """Return the type of the column."""
        return pl.Int8
