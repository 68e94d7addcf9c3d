"""What is worth knowing of a column of categories."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import classes


class CategoryProfile(Profile):
    """The classes and their rows."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, and in `classes` the rows of the most frequent ones."""
        return classes(values)
