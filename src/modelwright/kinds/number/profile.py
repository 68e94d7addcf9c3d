"""What is worth knowing of a column of numbers."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import spread


class NumberProfile(Profile):
    """How the numbers are spread."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `least`, `most`, `mean`, `deviation` and `quantiles`."""
        return spread(values.to_numpy())
