"""What is worth knowing of a column of choices."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile


class ChoiceProfile(Profile):
    """How many different passages are right somewhere, and how many of one row."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct` (passages), and the `fewest` and `most` of one row."""
        sizes = values.list.len().to_numpy()
        return {
            "distinct": values.explode().n_unique(),
            "fewest": int(sizes.min()),
            "most": int(sizes.max()),
        }
