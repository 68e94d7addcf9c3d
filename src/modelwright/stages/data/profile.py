"""What the training and validation rows look like, in numbers that `plan` and the model card read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright.core.signature import Field
from modelwright.stages.data.classes import class_name

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_LISTED = 1_000  # classes of an input that are listed with their counts, the most frequent first


def describe(field: Field, values: Sequence[Any]) -> dict[str, Any]:
    """Return the profile of one column of canonical values: kind, rows, missing, and what its kind shows.

    text: characters (mean, quantiles, most); number: least, most, mean, deviation, quantiles; category and
    boolean: distinct values and the rows of each.
    """
    present = [value for value in values if value is not None]
    profile: dict[str, Any] = {"kind": field.kind, "rows": len(values), "missing": len(values) - len(present)}
    if not present:
        return profile
    match field.kind:
        case "text":
            lengths = np.array([len(value) for value in present], dtype=np.float64)
            profile["distinct"] = len(set(present))
            profile["characters"] = _numbers(lengths)
        case "number":
            profile.update(_numbers(np.array(present, dtype=np.float64)))
        case "category" | "boolean":
            counts = Counter(map(class_name, present))
            profile["distinct"] = len(counts)
            # The most frequent; ties by name, so that the same data gives the same bytes.
            first = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_LISTED]
            profile["classes"] = dict(first)
    return profile


def _numbers(values: NDArray[np.float64]) -> Mapping[str, Any]:
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
