"""What is worth knowing of a column of series."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import spread


class TimeseriesProfile(Profile):
    """How long the series are, how many steps are gaps, and how the numbers are spread."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `shortest`, `longest`, `channels`, `gaps` and, of all numbers, what a column of numbers has."""
        steps = values.list.len().to_numpy()
        numbers = values.explode().explode().cast(pl.Float64)
        first = values[0]
        return {
            "shortest": int(steps.min()),
            "longest": int(steps.max()),
            "channels": len(first[0]),
            "gaps": numbers.null_count(),
            **spread(numbers.drop_nulls().to_numpy()),
        }
