"""Metrics by name, and the functions that make measurements of them."""

from __future__ import annotations

from modelwright.core.metrics.base import OUTCOMES, Influence, Measured, Metric
from modelwright.core.metrics.catalog import METRICS, get
from modelwright.core.metrics.measuring import (
    difference,
    exact,
    from_counts,
    from_samples,
    measure,
    measure_difference,
)

__all__ = [
    "METRICS",
    "OUTCOMES",
    "Influence",
    "Measured",
    "Metric",
    "difference",
    "exact",
    "from_counts",
    "from_samples",
    "get",
    "measure",
    "measure_difference",
]
