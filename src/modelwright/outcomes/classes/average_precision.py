"""Average precision: the mean precision at which the rows of a class are found, as the threshold falls.

Where a class is rare, the area under the ROC curve looks well though most answers that name the class are wrong;
average precision (the area under the precision-recall curve, as scikit-learn sums it) does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.measurement import Phase
from modelwright.core.evidence.metric import NOTHING, Influence, Metric, MetricValue
from modelwright.core.units import Unit
from modelwright.outcomes.classes.class_table import one_class
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.classes.score_bounds import score_bounds

Floats = NDArray[np.float64]

# What is seen of the spread counts at least so much of the binomial model's: between that of a curve without a
# step (about a half) and the model's own.
_LEAST_RATIO = 0.7
_MORE_THAN_EXPECTED = 2.0  # rows: where one is expected, four or more are seen in 1.9 % of the samples


@dataclass(frozen=True)
class _Found:
    """The rows of a class as they are found; arrays (m,), one entry a row of the class.

    right, named: rows of the class, and all rows, whose probability of the class is at least the row's.
    """

    right: Floats
    named: Floats

    @property
    def value(self) -> float:
        """Return the mean precision."""
        return float((self.right / self.named).mean())

    @property
    def without_itself(self) -> float:
        """Return the value where no row is counted at its own threshold: what chance adds is taken off.

        A row of the class is right at its own threshold, whatever the function is worth, so that the mean is too
        high with few rows of the class. Of the row that is found first nothing is left to count: 0.
        """
        others = np.maximum(self.named - 1, 1)
        return min(float(((self.right - 1) / others).mean()), self.value)

    def with_above(self, rows: float) -> float:
        """Return the value if so many more rows of other classes were ranked above all, or fewer (below 0)."""
        return float((self.right / np.maximum(self.named + rows, self.right)).mean())


def _found(outcomes: ClassOutcomes, of: str | None) -> tuple[list[_Found], Floats]:
    """Return what is found of each class that has rows and does not have all of them; how rows (n,) move the mean."""
    one = one_class(outcomes, of)
    found: list[_Found] = []
    influence = np.zeros(len(outcomes))
    for place in range(len(outcomes.classes)) if one is None else (one,):
        is_of = outcomes.truth == place
        if is_of.any() and not is_of.all():
            one_found, moves = _of_class(outcomes.probabilities[:, place], is_of)
            found.append(one_found)
            influence += moves
    return found, influence / max(len(found), 1)


def _of_class(score: Floats, is_of: NDArray[np.bool_]) -> tuple[_Found, Floats]:
    n, m = len(score), int(is_of.sum())
    order = np.argsort(-score, kind="stable")
    falling, truth = score[order], is_of[order].astype(np.float64)
    # equal probabilities are answered alike: a threshold lies behind the last of them
    is_last = np.append(falling[1:] < falling[:-1], True)
    last = np.flatnonzero(is_last)
    tie = np.append(0, np.cumsum(is_last[:-1]))  # (n,): the threshold that a row belongs to
    # (n,): rows of the class, and all rows, down to the row's threshold
    right, named = np.cumsum(truth)[last][tie], (last + 1.0)[tie]
    precision = right / named
    found = _Found(right[truth == 1], named[truth == 1])
    # Row j moves every precision below it: d(mean of y·G₁/G) = y_j P_j + Σ_{s_i ≤ s_j} y_i (y_j - P_i)/named_i,
    # over the share of the class, m/n; the share moves itself, which takes y_j·value off.
    first = np.append(0, last[:-1] + 1)
    below, weighed = (
        np.cumsum(part[::-1])[::-1][first][tie] for part in (truth / named, truth * precision / named)
    )
    influence = np.empty(n)
    influence[order] = (truth * (precision - found.value) + truth * below - weighed) * (n / m)
    return found, influence


def _average_precision(outcomes: ClassOutcomes, of: str | None, confidence: float) -> MetricValue:
    """Return the mean over classes, with a score interval whose lower end also bears what no row shows yet.

    The model of the spread is the binomial one of m rows (Boyd, Eng & Page 2013, ECML PKDD, section 3). The upper
    end starts from the value, the lower one from the value without what chance adds. A few rows of other classes
    above all cost much (every precision falls), and with a chance of 1 - confidence none of them is seen where
    -ln(1 - confidence) are to be expected: the lower end is at most what these would leave. As well two more may be
    seen than are to be expected, so that the upper end is at least what two fewer leave.
    """
    found, influence = _found(outcomes, of)
    if not found:
        return NOTHING
    values = np.array([one.value for one in found])
    rows = np.array([len(one.right) for one in found], dtype=np.float64)

    def spread(shares: Floats) -> Floats:
        variances: Floats = shares * (1 - shares) / rows
        return variances

    _, high = score_bounds(values, spread, influence, confidence, least_ratio=_LEAST_RATIO)
    corrected = np.array([one.without_itself for one in found])
    low, _ = score_bounds(corrected, spread, influence, confidence, least_ratio=_LEAST_RATIO)
    unseen = -math.log(1 - confidence)
    worst = max(one.value - one.with_above(unseen) for one in found) / len(found)
    best = max(one.with_above(-_MORE_THAN_EXPECTED) - one.value for one in found) / len(found)
    value = float(values.mean())
    bounds = max(min(low, value - worst), 0.0), min(max(high, value + best), 1.0)
    return MetricValue.of(value, bounds, len(outcomes), "score")


def _influence(outcomes: ClassOutcomes, of: str | None) -> Influence | None:
    found, influence = _found(outcomes, of)
    if not found:
        return None
    n, fewest = len(outcomes), min(len(one.right) for one in found)
    # the most that one row can move: of another class, above all rows of the smallest, Σ 1/(k(k+1)) < Σ 1/(k+1)
    flip = n * (1 + math.log(fewest)) / (fewest * len(found))
    return Influence(sum(one.value for one in found) / len(found), influence, flip)


AVERAGE_PRECISION = Metric(
    name="average_precision",
    better="higher",
    unit=Unit.FRACTION,
    phases=frozenset({Phase.TEST}),
    family="classes",
    per_class=True,
    interval="score interval of the binomial model, corrected by the rows' influences (Boyd, Eng & Page 2013); the "
    "lower end takes in rows of other classes above all that the sample may lack",
    summary="mean precision at which a class's rows are found as the threshold falls; without a class: the mean",
    measure=_average_precision,
    influence=_influence,
)
