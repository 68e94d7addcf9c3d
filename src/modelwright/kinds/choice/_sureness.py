"""A share that follows from a few numbers: logistic regression by Newton's method (Nocedal and Wright 2006, 3.3).

Shapes: n rows, d numbers of a row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_RIDGE = 1e-2  # of the weights, so that rows which a line parts have an end
_STEPS = 50
_MOST = 30.0  # of a log odd: beyond it a share is 0 or 1 to twelve digits


def fit_shares(rows: Floats, true: NDArray[np.bool_]) -> Floats | None:
    """Return the weights (d + 1,), constant first, of rows (n, d); None without a row.

    A truth counts (m + 1) / (m + 2) of itself, m of its side (Platt 1999, section 2.2): rows that are all right do not
    make a share of 1.
    """
    if not len(rows) or not np.isfinite(rows).all():
        return None
    beside = np.hstack([np.ones((len(rows), 1)), rows])
    yes, no = int(true.sum()), int((~true).sum())
    targets = np.where(true, (yes + 1) / (yes + 2), 1 / (no + 2))
    weights = np.zeros(beside.shape[1])
    for _ in range(_STEPS):
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
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(odds, -_MOST, _MOST)))
    return found
