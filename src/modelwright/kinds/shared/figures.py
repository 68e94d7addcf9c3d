"""Figures of a column that several kinds show in their profile."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelwright.core.json_types import Json

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_LISTED = 1_000  # classes of an input that are listed with their counts, the most frequent first


def spread(values: NDArray[np.float64]) -> dict[str, Json]:
    """Return least, most, mean, deviation and quantiles of values (n,), n ≥ 1, all finite."""
    scale = float(np.abs(values).max()) or 1.0  # so that the squares of huge values do not overflow
    shares = values / scale
    return {
        "least": float(values.min()),
        "most": float(values.max()),
        "mean": float(shares.mean()) * scale,
        "deviation": float(shares.std()) * scale,
        "quantiles": {
            f"{share:g}": float(value) * scale
            for share, value in zip(QUANTILES, np.quantile(shares, QUANTILES), strict=True)
        },
    }


def classes(names: pl.Series) -> dict[str, Json]:
    """Return how many distinct names there are, and the rows of the most frequent; names (n,) are strings."""
    counts = names.value_counts(name="rows")
    pairs = zip(counts.to_series(0).to_list(), counts["rows"].to_list(), strict=True)
    # Ties by name, so that the same data gives the same bytes.
    first = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:MOST_LISTED]
    return {"distinct": len(counts), "classes": dict(first)}
