"""What is worth knowing of a column of truth values."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import classes


class BooleanProfile(Profile):
    """How many are true."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, and in `classes` the rows of `true` and of `false`."""
        return classes(values.cast(pl.String))
