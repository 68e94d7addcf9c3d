"""The metrics by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modelwright.core.metrics import of_classes, of_numbers, of_operation
from modelwright.core.metrics.base import Metric

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for metric in (*of_classes.METRICS, *of_numbers.METRICS, *of_operation.METRICS)}
)


def get(name: str) -> Metric:
    """Return the metric of that name; raises KeyError for a name that `METRICS` does not hold."""
    return METRICS[name]
