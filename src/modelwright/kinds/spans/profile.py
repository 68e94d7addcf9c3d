"""What is worth knowing of a column of labelled spans."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import classes


class SpansProfile(Profile):
    """How many spans there are, how many rows have none, and how often each label stands there."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `spans`, `empty` (rows), `largest` (spans of a row) and `labels` with how often each is there."""
        sizes = values.list.len()
        labels = pl.Series(
            values.name, [one["label"] for row in values.to_list() for one in row], dtype=pl.String
        )
        return {
            "spans": int(sizes.sum()),
            "empty": int((sizes == 0).sum()),
            "largest": int(sizes.to_numpy().max()),
            "labels": classes(labels)["classes"],
        }
