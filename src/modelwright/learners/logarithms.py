"""Amounts that are learned as their logarithm: when they are, and how what was learned becomes an amount again.

Prices and incomes are skewed to the right: a few are many times the others, and what is learned on squared errors bends
towards these. Errors of a logarithm are shares of the amount. exp of what is learned is a median; times the mean of
exp(residual) it is a mean (Duan 1983, Smearing Estimate).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Array, Form
from modelwright.learners.known_truths import known

_SKEWED = 1.0  # skewness from which logarithms are learned; that of an exponential distribution is 2
_LESS_SKEWED = 2.0  # how many times less skewed logarithms are, from which a mean is learned on them
_FEWEST_SKEWED = 20  # rows from which skewness means something


@dataclass(frozen=True)
class Logarithm:
    """How what was learned on logarithms becomes the array `value`: exp(min(line, most)) · smear + zero.

    smear: the mean of exp(residual) in training, without which the answer would be a median and not a mean (Duan
    1983); most: the largest logarithm in training; zero: where 0 lies on the array's scale.
    """

    smear: float
    most: float
    zero: float

    def of(self, values: Array) -> NDArray[np.float64]:
        """Return the logarithms of amounts; only training's are asked for, which are all above 0."""
        found: NDArray[np.float64] = np.log(values.astype(np.float64) - self.zero)
        return found

    def restored(self, line: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values (n,) of what was learned (n,)."""
        restored: NDArray[np.float64] = np.exp(np.minimum(line, self.most)) * self.smear + self.zero
        return restored

    def smeared(self, line: NDArray[np.float64], logarithms: NDArray[np.float64]) -> Logarithm:
        """Return it with the mean of exp(residual), by which exp(line) is too small.

        line, logarithms: (n,), what was learned and what it was learned from, of training rows.
        """
        return replace(self, smear=float(np.exp(logarithms - np.minimum(line, self.most)).mean()))


def decided(
    field: Field, state: object, truth: Array, *, insists: bool | None, median: bool = False
) -> Logarithm | None:
    """Return how an output is learned as its logarithm, None where it is not: decided on training rows alone.

    truth: (n,) as the kind encodes it; insists: whether the project insists on it, or forbids it; None: where all are
    above 0 and skewed to the right; median: whether answers aim at it.
    """
    kind = kinds.arrays(field.kind)
    if kind.output_form is not Form.SCALAR or insists is False:
        return None
    zero = kind.zero(state)
    if zero is None:
        return None
    amounts = truth[known(truth)].astype(np.float64) - zero
    if not len(amounts) or amounts.min() <= 0:
        return None
    logarithms = np.log(amounts)
    # a median is one of the logarithms, too, so that these need only be the less skewed of the two; a mean is made of
    # them by a factor that is the same for all rows, and loses more by it where they are skewed themselves
    less = 1.0 if median else _LESS_SKEWED
    skewed = len(amounts) >= _FEWEST_SKEWED and _skewness(amounts) > max(
        _SKEWED, less * abs(_skewness(logarithms))
    )
    if not (skewed or insists):
        return None
    return Logarithm(1.0, float(logarithms.max()), zero)


def _skewness(values: NDArray[np.float64]) -> float:
    """Return the third standardised moment, 0 of a constant."""
    centred = values - values.mean()
    deviation = float(centred.std())
    return float(((centred / deviation) ** 3).mean()) if deviation > 0 else 0.0
