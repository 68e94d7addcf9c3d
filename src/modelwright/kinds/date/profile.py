"""What is worth knowing of a column of dates."""

from __future__ import annotations

import numpy as np
import polars as pl

from modelwright.core.json_types import Json
from modelwright.kinds.contract.profile import Profile
from modelwright.kinds.date.value import DateValue
from modelwright.kinds.shared.figures import QUANTILES


class DateProfile(Profile):
    """When the dates lie."""

    def describe(self, values: pl.Series) -> dict[str, Json]:
        """Return `distinct`, `earliest`, `latest` and `quantiles`, in UTC; each is a date of the column."""
        counts = values.value_counts(name="rows").rows()
        times = sorted((DateValue().comparable(value), count) for value, count in counts)
        # The quantile of a share is the first date with at least that share of the rows up to it.
        upto = np.cumsum([count for _, count in times]) / len(values)
        places = np.searchsorted(upto, QUANTILES)
        return {
            "distinct": len(counts),
            "earliest": times[0][0],
            "latest": times[-1][0],
            "quantiles": {
                f"{share:g}": times[place][0] for share, place in zip(QUANTILES, places.tolist(), strict=True)
            },
        }
