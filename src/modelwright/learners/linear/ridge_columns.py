"""Ridge regression of many columns at once: the steps of a forecast, the numbers of a vector; gaps among the truths.

Shapes: n rows, w features, c columns. The normal equations are solved as they stand: neighbouring steps of a series are
so alike that conjugate gradients need hundreds of iterations a column, where w³ operations settle all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from modelwright.kinds.contract.common import Array
from modelwright.learners.known_truths import known
from modelwright.learners.linear.fits import NumberRegression, Regression, Weights

MOST_FEATURES = (
    4096  # of more, w² numbers and w³ operations are too many, and each column is settled step by step
)
STRENGTHS = (10_000.0, 1000.0, 100.0, 10.0, 1.0, 0.1)  # steps beside each other are alike, and share a weight
_LEAST_STRENGTH = 1e-6  # so that columns which repeat each other have a solution, too
Floats = NDArray[np.float64]


@final
class ColumnsRegression(Regression):
    """Ridge regression (Hoerl and Kennard 1970), a line a column, each of the rows whose truth it knows."""

    iterative: ClassVar[bool] = False
    strengths: ClassVar[Sequence[float]] = STRENGTHS

    def __init__(self, loss: Literal["absolute", "squared"]) -> None:
        self._power = {"absolute": 1, "squared": 2}[loss]
        self._design: sparse.csr_matrix | None = None
        self._dense: Floats = np.empty((0, 0))
        self._gram: Floats = np.empty((0, 0))

    def fit(self, design: sparse.csr_matrix, truth: Array, strength: float, iterations: int) -> Weights:
        """Return weights (w, c) and bias (c,) of truths (n, c); a column without a known truth has none."""
        if design.shape[1] > MOST_FEATURES:
            return _one_by_one(design, truth, strength, iterations)
        # one thread: a sum that is split otherwise is rounded otherwise
        with threadpool_limits(1):
            self._take(design)
            return self._solved(truth.astype(np.float64), max(strength, _LEAST_STRENGTH))

    def loss(self, lines: Floats, truth: Array) -> float | None:
        """Return the mean absolute or squared error of lines (n, c), None without a known truth."""
        there = known(truth)
        if not there.any():
            return None
        return float((np.abs(lines[there] - truth[there]) ** self._power).mean())

    def _take(self, design: sparse.csr_matrix) -> None:
        """Keep features (n, w + 1), the last of which is 1, and their products (w + 1, w + 1)."""
        if self._design is design:
            return
        self._design = design
        self._dense = np.column_stack([design.toarray().astype(np.float64), np.ones(design.shape[0])])
        self._gram = self._dense.T @ self._dense

    def _solved(self, truth: Floats, strength: float) -> Weights:
        width = self._dense.shape[1]
        penalty = np.full(width, strength)
        penalty[-1] = _LEAST_STRENGTH  # that of the bias
        found = np.zeros((width, truth.shape[1]))
        there = known(truth)
        masks, mask_of = np.unique(there, axis=1, return_inverse=True)
        for number, mask in enumerate(masks.T):
            columns = np.flatnonzero(mask_of.reshape(-1) == number)
            if not mask.any():
                continue
            without = self._dense[
                ~mask
            ]  # products of the rows that these columns do not know are taken off again
            gram = self._gram - without.T @ without + np.diag(penalty)
            sums = self._dense[mask].T @ truth[np.ix_(mask, columns)]
            found[:, columns] = linalg.solve(gram, sums, assume_a="pos")
        return found[:-1], found[-1]


def _one_by_one(design: sparse.csr_matrix, truth: Array, strength: float, iterations: int) -> Weights:
    weights, bias = np.zeros((design.shape[1], truth.shape[1])), np.zeros(truth.shape[1])
    line = NumberRegression(_as_it_is, _as_it_is)
    for place in range(truth.shape[1]):
        if known(truth[:, place]).any():
            one, own = line.fit(design, truth[:, place], strength, iterations)
            weights[:, place], bias[place] = one[:, 0], own[0]
    return weights, bias


def _as_it_is(values: Array) -> Floats:
    return values.astype(np.float64)
