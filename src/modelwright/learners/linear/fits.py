"""Fits lines with scikit-learn, each with the L2 that validation prefers.

Shapes: n rows, w features, c columns of an output's array. The objective is Σ loss + L2/2 · |w|², so that an L2
counts in rows; scikit-learn's C is its inverse, and its `alpha` of squared errors is it.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from modelwright.kinds.contract.common import Array
from modelwright.learners.known_truths import known

STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01)
_START = 2  # the place in the middle; from there downhill
_TOLERANCE = 1e-4
Weights = tuple[NDArray[np.float64], NDArray[np.float64]]  # (w, c) and (c,)


@dataclass(frozen=True)
class Target:
    """What one output's line is to answer: design matrices (n, w) and truths (n,) or (n, c), gaps among them."""

    train: sparse.csr_matrix
    truth: Array
    held: sparse.csr_matrix
    held_truth: Array


@dataclass(frozen=True)
class FittedLine:
    """Weights that were fitted with an L2, and their mean loss on validation; None without a known truth there."""

    weights: Weights
    strength: float
    loss: float | None


class Regression(ABC):
    """One way to fit a line: `fit` warm-starts where it ended last.

    iterative: whether a fit takes iterations, so that its time grows with them; strengths: of L2, that are tried.
    """

    iterative: ClassVar[bool] = True
    strengths: ClassVar[Sequence[float]] = STRENGTHS

    @abstractmethod
    def fit(self, design: sparse.csr_matrix, truth: Array, strength: float, iterations: int) -> Weights:
        """Return weights and bias."""

    @abstractmethod
    def loss(self, lines: NDArray[np.float64], truth: Array) -> float | None:
        """Return the mean loss of lines (n, c), None without a known truth."""


def best(
    regression: Callable[[], Regression],
    target: Target,
    strengths: Sequence[float],
    iterations: int,
    advance: Callable[[FittedLine], None],
) -> tuple[FittedLine, list[FittedLine]]:
    """Return the fit with the least loss on validation, and all that were tried.

    From the middle strength one step weaker, on while that helps, and the other way where it does not: the loss
    has one valley in the logarithm of L2, so that the ends are seldom reached.
    """
    found: dict[int, FittedLine] = {}
    line = regression()

    def loss(place: int) -> float:
        if place not in found:
            fitted = line.fit(target.train, target.truth, strengths[place], iterations)
            answered = target.held @ fitted[0] + fitted[1]
            found[place] = FittedLine(fitted, strengths[place], line.loss(answered, target.held_truth))
            advance(found[place])
        value = found[place].loss
        return np.inf if value is None else value

    at = min(_START, len(strengths) - 1)
    loss(at)
    for step in (1, -1):
        before = at
        while 0 <= at + step < len(strengths) and loss(at + step) < loss(at):
            at += step
        if at != before:
            break
    return found[at], list(found.values())


@final
class ClassRegression(Regression):
    """Multinomial logistic regression, or of two classes the binary one: then the first column is 0."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._model = LogisticRegression(tol=_TOLERANCE, warm_start=True)

    def fit(self, design: sparse.csr_matrix, truth: Array, strength: float, iterations: int) -> Weights:
        """Return weights (w, classes) and bias."""
        rows = known(truth)
        _fit(self._model, design[rows], truth[rows], strength, iterations)
        coefficients, intercept = self._model.coef_, self._model.intercept_  # (classes or 1, w)
        seen = self._model.classes_
        weights, bias = np.zeros((design.shape[1], self._classes)), np.zeros(self._classes)
        places = seen if len(seen) > 2 else seen[1:]
        weights[:, places], bias[places] = coefficients.T, intercept
        return weights, bias

    def loss(self, lines: NDArray[np.float64], truth: Array) -> float | None:
        """Return the mean log loss."""
        rows = known(truth)
        if not rows.any():
            return None
        there = lines[rows]
        there = there - there.max(axis=1, keepdims=True)
        of_truth = there[np.arange(len(there)), truth[rows]]
        return float((np.log(np.exp(there).sum(axis=1)) - of_truth).mean())


@final
class MemberRegression(Regression):
    """Binary logistic regression, one for each column; a column of one value alone keeps its odds."""

    def __init__(self, columns: int) -> None:
        self._models = [LogisticRegression(tol=_TOLERANCE, warm_start=True) for _ in range(columns)]

    def fit(self, design: sparse.csr_matrix, truth: Array, strength: float, iterations: int) -> Weights:
        """Return weights (w, columns) and bias; truth (n,) of a flag, (n, columns) of a set."""
        weights, bias = np.zeros((design.shape[1], len(self._models))), np.zeros(len(self._models))
        for place, (model, column) in enumerate(zip(self._models, _columns(truth), strict=True)):
            rows = known(column)
            values = column[rows] > 0.5
            inside = int(values.sum())
            if 0 < inside < len(values):
                _fit(model, design[rows], values, strength, iterations)
                weights[:, place], bias[place] = model.coef_[0], model.intercept_[0]
            else:  # half a row more on either side, so that no odds are infinite (Haldane 1956)
                bias[place] = np.log((inside + 0.5) / (len(values) - inside + 0.5))
        return weights, bias

    def loss(self, lines: NDArray[np.float64], truth: Array) -> float | None:
        """Return the mean log loss over all members."""
        losses = []
        for line, column in zip(lines.T, _columns(truth), strict=True):
            rows = known(column)
            # log(1 + exp(∓ line)), without overflow
            losses.append(np.logaddexp(0.0, np.where(column[rows] > 0.5, -line[rows], line[rows])))
        every = np.concatenate(losses)
        return float(every.mean()) if every.size else None


@final
class NumberRegression(Regression):
    """Ridge regression (Hoerl and Kennard 1970); `restored` turns lines into the values that are compared."""

    def __init__(
        self,
        target_of: Callable[[Array], NDArray[np.float64]],
        restored: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        self._target_of = target_of
        self._restored = restored

    def fit(self, design: sparse.csr_matrix, truth: Array, strength: float, iterations: int) -> Weights:
        """Return weights (w, 1) and bias."""
        rows = known(truth)
        model = Ridge(alpha=strength, solver="sparse_cg", tol=1e-7, max_iter=10 * iterations)
        # float64: with few rows and many features the system is ill-conditioned, and float32 would not settle
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may be said that the last iteration was reached
            model.fit(design[rows].astype(np.float64), self._target_of(truth[rows]))
        return model.coef_.reshape(-1, 1).astype(np.float64), np.full(1, float(model.intercept_))

    def loss(self, lines: NDArray[np.float64], truth: Array) -> float | None:
        """Return the mean squared error, on the array's own scale."""
        rows = known(truth)
        if not rows.any():
            return None
        gaps = self._restored(lines[rows, 0]) - truth[rows]
        return float((gaps**2).mean())


def _fit(
    model: LogisticRegression, design: sparse.csr_matrix, truth: Array, strength: float, iterations: int
) -> None:
    model.C, model.max_iter = 1.0 / strength if strength else np.inf, iterations
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the budget decides how many there are
        model.fit(design, truth)


def _columns(truth: Array) -> Iterator[Array]:
    yield from (truth.T if truth.ndim == 2 else truth[None, :])
