"""The logistic regression that is a baseline: of classes, and of each tag of a set."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

ITERATIONS = 200


def fitted(train: csr_matrix, targets: NDArray[np.integer]) -> LogisticRegression:
    """Return logistic regression of rows (n, terms) on targets (n,), of which there are two or more."""
    # C is the inverse of L2's strength: weak, since rows of tf-idf have norm 1 and need large weights
    classifier = LogisticRegression(C=10.0, max_iter=ITERATIONS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline: that many iterations are enough
        return classifier.fit(train, targets)
