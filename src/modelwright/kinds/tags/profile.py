"""What is worth knowing of a column of sets of tags."""

from __future__ import annotations

import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import classes


class TagsProfile(Profile):
    """How many different sets there are, how large they are, and the rows of the most frequent tags."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct` (sets), `empty`, `least` and `most` tags of one row, and `tags` with their rows."""
        sizes = values.list.len()
        return {
            "distinct": len({tuple(value) for value in values.to_list()}),
            "empty": int((sizes == 0).sum()),
            "fewest": int(sizes.to_numpy().min()),
            "largest": int(sizes.to_numpy().max()),
            "tags": classes(values.explode().drop_nulls())["classes"],
        }
