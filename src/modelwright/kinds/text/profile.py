"""What is worth knowing of a column of texts."""

from __future__ import annotations

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import spread


class TextProfile(Profile):
    """Distinct texts, and their lengths."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct` and the spread of `characters`."""
        lengths = values.str.len_chars().to_numpy().astype(np.float64)
        return {"distinct": values.n_unique(), "characters": spread(lengths)}
