"""The facet `profile`: what is worth knowing of a column, for the plan, the report and the pages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping

import polars as pl

from modelwright.core.json_types import Json
from modelwright.core.messages import Notice


class Profile(ABC):
    """Describes the values of the training and validation rows."""

    @abstractmethod
    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return figures of a column of values that are there, at least one.

        values: (n,) as the kind's `Column` stores them, without nulls. The same values in the same order give
        the same figures. Rows, missing values and the kind's name are counted by the caller.
        """

    def remarks(self, column: str, figures: Mapping[str, Json]) -> Iterator[Notice]:
        """Yield what a person may not expect of these values: what is not used of them, or taken for something else.

        column: its name in the data; figures: what `describe` returned. None by default.
        """
        yield from ()
