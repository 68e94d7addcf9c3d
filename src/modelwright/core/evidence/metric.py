"""What a metric is: which way is better, its unit, where it can be measured, and how."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.means import OpenBounds
from modelwright.core.evidence.measurement import Phase
from modelwright.core.units import Unit


@dataclass(frozen=True)
class MetricValue:
    """Holds a value with its interval, n and method; None where there is none.

    No value and n = 0: nothing to measure on (no rows of the class). No value and n > 0: not a finite number.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str

    @classmethod
    def of(cls, value: float, bounds: OpenBounds | None, n: int, method: str) -> MetricValue:
        """Return a measured value; what is not finite becomes None, and the interval holds the value."""
        if not math.isfinite(value):
            return cls(None, None, None, n, method)
        low, high = (None, None) if bounds is None else bounds
        # rounding may put an end on the wrong side of the value by the last bit
        return cls(
            value,
            min(low, value) if low is not None and math.isfinite(low) else None,
            max(high, value) if high is not None and math.isfinite(high) else None,
            n,
            method,
        )


NOTHING = MetricValue(None, None, None, 0, "none")


@dataclass(frozen=True)
class Strata:
    """Holds which rows are right (n,), and the groups (n,) whose shares are averaged; -1: in no group."""

    right: NDArray[np.bool_]
    group: NDArray[np.int64]


@dataclass(frozen=True)
class Influence:
    """Holds a value and how much each row moves it: rows (n,) of mean 0, in units of the value times n.

    The value differs from the truth by about the mean of the rows' influences (Hampel 1974, JASA 69:383), so
    two functions on the same rows are compared by the difference of their influences, row by row. `flip` is
    the most that one more wrong row would add; it keeps an interval open where all rows agree. `strata` exist
    for a mean of shares, whose difference needs no such guard. sides: (n,), of a value that compares rows of several
    sides (of a class, and of none): the influences of each side add up to 0.
    """

    value: float
    rows: NDArray[np.float64]
    flip: float = 0.0
    strata: Strata | None = None
    sides: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Metric:
    """States what is to be known of a metric.

    family: the family of outcomes that it is computed from (`classes`), None for what no test row shows (size,
    latency). A name may stand in several families (f1 of classes, f1 of sets), with one unit and one direction.
    per_class: takes a label in brackets. interval: how the interval is made, for the report; summary: what is
    measured. measure(outcomes, label, confidence) and influence(outcomes, label) exist where `family` does;
    `quantile` is the one that a metric of requests stands for, and `sample` what it is taken of. `as_share` exists
    where the metric (with a label, if it takes one) is a share of rows or rises with one, and returns the share behind
    a value, so that one can say before measuring what n rows can prove. optional_only: says nothing of an output that
    always answers; priced_only: nor of one whose errors have no declared costs; of_confidence: speaks of the
    confidence of answers, not of which are given.
    ranged: a declared range of the output bounds it. beside: families of outcomes, one of which an output must have:
    of other functions it says nothing.
    per_input: takes an input in brackets, and without one speaks of whole rows. best_at: of errors of numbers, whether
    an answer does best at the mean of what the truth may be, or at its median.
    """

    name: str
    better: Literal["higher", "lower"]
    unit: Unit
    phases: frozenset[Phase]
    family: str | None
    per_class: bool
    interval: str
    summary: str
    measure: Callable[[Any, str | None, float], MetricValue] | None = None
    influence: Callable[[Any, str | None], Influence | None] | None = None
    quantile: float | None = None
    sample: Literal["latency_s", "first_s", "tokens_per_second"] = "latency_s"
    as_share: Callable[[float], float] | None = None
    optional_only: bool = False
    priced_only: bool = False
    of_confidence: bool = False
    ranged: bool = False
    per_input: bool = False
    best_at: Literal["mean", "median"] | None = None
    beside: tuple[str, ...] | None = None


_NONE = np.zeros(0)


@dataclass(frozen=True)
class RequestTimes:
    """Holds what requests took: (n,) each, or (0,) where it is not known of any.

    latency_s: from request to answer; first_s: to the first token of an answer that is written token by token;
    tokens_per_second: of one such answer, after its first token. NaN: not written so, or no second token.
    """

    latency_s: NDArray[np.float64] = field(default_factory=_NONE.copy)
    first_s: NDArray[np.float64] = field(default_factory=_NONE.copy)
    tokens_per_second: NDArray[np.float64] = field(default_factory=_NONE.copy)

    def of(self, metric: Metric) -> NDArray[np.float64]:
        """Return the samples that a metric is a quantile of, (m,); a latency that is no number is among them."""
        values: NDArray[np.float64] = getattr(self, metric.sample)
        return values if metric.sample == "latency_s" else values[np.isfinite(values)]


class Metrics:
    """All metrics that there are, by name and family. Made once by `outcomes.metrics`, and passed down."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        """Take the metrics in; the order is kept, and two of one name and family are an internal error."""
        found: dict[tuple[str, str | None], Metric] = {}
        for metric in metrics:
            assert (metric.name, metric.family) not in found, f"two metrics {metric.name} of {metric.family}"
            found[metric.name, metric.family] = metric
        self._found: Mapping[tuple[str, str | None], Metric] = MappingProxyType(found)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._found.values())

    def names(self) -> tuple[str, ...]:
        """Return every name once, in order."""
        return tuple(dict.fromkeys(metric.name for metric in self))

    def named(self, name: str) -> tuple[Metric, ...]:
        """Return the metrics of a name, of whatever family; none for an unknown name."""
        return tuple(metric for metric in self if metric.name == name)

    def any(self, name: str) -> Metric:
        """Return a metric of that name: unit and direction are the same in every family; raises KeyError."""
        for metric in self.named(name):
            return metric
        raise KeyError(name)

    def of(self, name: str, family: str | None) -> Metric | None:
        """Return the metric of that name in a family, None where it has none."""
        return self._found.get((name, family))

    def in_family(self, family: str | None) -> tuple[Metric, ...]:
        """Return every metric of a family, in order."""
        return tuple(metric for metric in self if metric.family == family)


def share(value: float) -> float:
    """Return the share that a metric's value is, for `as_share` of a metric that is a share of rows."""
    return value


def share_of_f1(value: float) -> float:
    """Return F* = F1/(2 - F1), the share of rows that F1 rises with (Hand et al. 2021, Mach. Learn. 110:451)."""
    return value / (2 - value)
