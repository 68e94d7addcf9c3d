"""What a metric is: which way is better, its unit, where it can be measured, and how."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.intervals import Bounds
from modelwright.core.evidence.measurement import Phase
from modelwright.core.outcomes import ClassOutcomes, NumberOutcomes
from modelwright.core.units import Unit

# The outcomes of each output kind. A kind that brings outcomes of its own adds its line here.
OUTCOMES: dict[str, type[ClassOutcomes] | type[NumberOutcomes]] = {
    "category": ClassOutcomes,
    "boolean": ClassOutcomes,
    "number": NumberOutcomes,
}


@dataclass(frozen=True)
class Measured:
    """Holds a value with its interval, n and method; None where there is none.

    No value and n = 0: nothing to measure on (no rows of the class). No value and n > 0: not a finite number.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str

    @classmethod
    def of(cls, value: float, bounds: Bounds | None, n: int, method: str) -> Measured:
        """Return a measured value; what is not finite becomes None, and the interval holds the value."""
        if not math.isfinite(value):
            return cls(None, None, None, n, method)
        if bounds is None or not all(map(math.isfinite, bounds)):
            return cls(value, None, None, n, method)
        return cls(value, min(bounds[0], value), max(bounds[1], value), n, method)


NOTHING = Measured(None, None, None, 0, "none")


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
    for a mean of shares, whose difference needs no such guard.
    """

    value: float
    rows: NDArray[np.float64]
    flip: float = 0.0
    strata: Strata | None = None


@dataclass(frozen=True)
class Metric:
    """States what is to be known of a metric.

    `outcomes` is what it is computed from, None for what is not computed from test rows (size, latency).
    `per_class`: takes a class in brackets. `interval` says for the report how the interval is made, `summary`
    what is measured. `measure(outcomes, class, confidence)` and `influence(outcomes, class)` exist where
    `outcomes` does; `quantile` is the one that a latency stands for. `as_share` exists where the metric
    (with a class, if it takes one) is a share of rows or rises with one, and returns the share behind a
    value, so that one can say before measuring what n rows can prove.
    """

    name: str
    better: Literal["higher", "lower"]
    unit: Unit
    phases: frozenset[Phase]
    outcomes: type[ClassOutcomes] | type[NumberOutcomes] | None
    per_class: bool
    interval: str
    summary: str
    measure: Callable[[Any, str | None, float], Measured] | None = None
    influence: Callable[[Any, str | None], Influence | None] | None = None
    quantile: float | None = None
    as_share: Callable[[float], float] | None = None

    def fits(self, kind: str) -> bool:
        """Say whether the metric can be computed for an output of this kind."""
        return self.outcomes is not None and OUTCOMES.get(kind) is self.outcomes
