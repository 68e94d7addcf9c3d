"""What is worth knowing of a column of vectors."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.shared.figures import spread

MOST_SHOWN = 64  # numbers of a typical vector


class VectorProfile(Profile):
    """How many numbers a vector has, how long the vectors are, and how many dimensions never change."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, `numbers`, `constant` dimensions, the spread of Euclidean lengths, and `middle`.

        `middle`: the median of each dimension, where there are few enough for a person to look at.
        """
        table = np.array(values.to_list(), dtype=np.float64)  # (n, d)
        largest = np.abs(table).max() or 1.0  # so that no square overflows
        norms = np.minimum(np.sqrt(((table / largest) ** 2).sum(axis=1)), np.finfo(np.float64).max / largest)
        return {
            "distinct": values.n_unique(),
            "numbers": table.shape[1],
            "constant": int((np.ptp(table / largest, axis=0) == 0).sum()),
            "lengths": spread(norms * largest),
            **_middle(table),
        }


def _middle(table: NDArray[np.float64]) -> dict[str, Json]:
    if table.shape[1] > MOST_SHOWN:
        return {}
    medians = np.quantile(
        table, 0.5, axis=0, method="lower"
    )  # (d,): numbers that are there, so that none overflows
    return {"middle": [float(f"{one:.6g}") + 0.0 for one in medians.tolist()]}
