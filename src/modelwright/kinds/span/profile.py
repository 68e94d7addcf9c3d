"""What is worth knowing of a column of spans."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile


class SpanProfile(Profile):
    """How many rows have no answer, and how many have several."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `empty` (rows without an answer), `several` (rows with more than one) and `longest` (characters)."""
        sizes = values.list.len()
        longest = max((one["end"] - one["start"] for row in values.to_list() for one in row), default=0)
        return {"empty": int((sizes == 0).sum()), "several": int((sizes > 1).sum()), "longest": longest}
