"""What is worth knowing of a column of vectors."""

from __future__ import annotations

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import spread


class VectorProfile(Profile):
    """How many numbers a vector has, how long the vectors are, and how many dimensions never change."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, `numbers`, `constant` dimensions and, of the Euclidean lengths, the usual figures."""
        table = np.array(values.to_list(), dtype=np.float64)  # (n, d)
        largest = np.abs(table).max() or 1.0  # so that no square overflows
        norms = np.minimum(np.sqrt(((table / largest) ** 2).sum(axis=1)), np.finfo(np.float64).max / largest)
        return {
            "distinct": values.n_unique(),
            "numbers": table.shape[1],
            "constant": int((np.ptp(table / largest, axis=0) == 0).sum()),
            "lengths": spread(norms * largest),
        }
