"""What is worth knowing of a column of records."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import classes, spread


class RecordProfile(Profile):
    """How often each field stands there, and how long the texts are."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, `fields` with how often each is there, and the spread of `characters`."""
        names = pl.Series(
            values.name, [key for one in values.to_list() for key in json.loads(one)], dtype=pl.String
        )
        lengths = values.str.len_chars().to_numpy().astype(np.float64)
        return {
            "distinct": values.n_unique(),
            "fields": classes(names)["classes"] if len(names) else {},
            "characters": spread(lengths),
        }
