"""Confidence of answers: softmax and its temperature, and shares that follow from a few numbers of a row."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

COLDEST, HOTTEST = 0.05, 20.0
HALVINGS = 60  # of the bracket; more than double precision can show
Floats = NDArray[np.float64]
_RIDGE = 1e-2  # of the weights, so that rows which a line parts have an end
_NEWTON_STEPS = 50
_MOST_ODDS = 30.0  # of a log odd: beyond it a share is 0 or 1 to twelve digits


def softmax(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return probabilities (n, C) of logits (n, C); raises FloatingPointError for NaN or infinity."""
    scaled = logits.astype(np.float64)
    if not np.isfinite(scaled).all():
        raise FloatingPointError("the body answered logits that are not finite numbers")
    scaled = scaled / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    powers = np.exp(scaled)
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the log loss on (n, C) logits; truth (n,), −1 where unknown.

    Temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2). The loss is
    convex in 1/T, so a bisection of its slope finds the minimum. Two guards: the truth gets the share
    (n+1)/(n+2) of its target (Platt 1999, section 2.2), so that a validation set without errors does not
    drive the confidence to 1; and T stays in [0.05, 20]. Without a known truth T is 1.
    """
    known = truth >= 0
    if not known.any() or logits.shape[1] < 2:
        return 1.0
    rows = logits[known].astype(np.float64)
    if not np.isfinite(rows).all():
        raise FloatingPointError("the body answered logits that are not finite numbers")
    count, classes = rows.shape
    rest = 1.0 / (count + 2.0)
    of_truth = rows[np.arange(count), truth[known]]
    of_rest = (rows.sum(axis=1) - of_truth) / (classes - 1)
    wanted = float(((1.0 - rest) * of_truth + rest * of_rest).mean())  # the mean logit under the targets

    def slope(inverse: float) -> float:
        """Return the derivative of the loss by 1/T: the mean logit under the answers, less the wanted one."""
        return float((softmax(rows, 1.0 / inverse) * rows).sum(axis=1).mean()) - wanted

    low, high = math.log(1.0 / HOTTEST), math.log(1.0 / COLDEST)
    if slope(math.exp(low)) >= 0.0:
        # The loss grows with 1/T: answers worse than chance, best made flat. Flat ones stay as they are.
        return 1.0 if np.ptp(rows, axis=1).max() == 0.0 else HOTTEST
    if slope(math.exp(high)) <= 0.0:
        return COLDEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0.0 else (low, middle)
    return math.exp(-(low + high) / 2)


def fit_shares(rows: Floats, true: NDArray[np.bool_]) -> Floats | None:
    """Return the weights (d + 1,), constant first, of a logistic regression on rows (n, d); None without a row.

    By Newton's method (Nocedal and Wright 2006, section 3.3).
    A truth counts (m + 1) / (m + 2) of itself, m of its side (Platt 1999, section 2.2): rows that are all right do not
    make a share of 1.
    """
    if not len(rows) or not np.isfinite(rows).all():
        return None
    beside = np.hstack([np.ones((len(rows), 1)), rows])
    yes, no = int(true.sum()), int((~true).sum())
    targets = np.where(true, (yes + 1) / (yes + 2), 1 / (no + 2))
    weights = np.zeros(beside.shape[1])
    for _ in range(_NEWTON_STEPS):
        found = _sigmoid(beside @ weights)
        # gradient (d + 1,) and Hessian (d + 1, d + 1) of the negative log-likelihood and the ridge
        gradient = beside.T @ (found - targets) + _RIDGE * weights
        hessian = (beside * (found * (1 - found))[:, None]).T @ beside + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return weights if np.isfinite(weights).all() else None


def shares(rows: Floats, weights: Floats) -> Floats:
    """Return the share of each row (n,)."""
    # one sum a row, in one order: no other row changes it
    return _sigmoid(weights[0] + (rows * weights[1:]).sum(axis=1))


def _sigmoid(odds: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(odds, -_MOST_ODDS, _MOST_ODDS)))
    return found
