"""Baselines of numeric outputs: the mean, and ridge regression."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np
from sklearn.linear_model import Ridge

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.numbers.outcomes import NumberOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class NumberBaselines(BaselineModels[NumberOutcomes]):
    """The mean of the training split; ridge regression."""

    def constant(self, truths: Truths, reference: NumberOutcomes) -> tuple[NumberOutcomes, Phrase]:
        """Return the outcomes of always answering the mean."""
        known = np.array(truths.values, dtype=np.float64)
        # of all constants the mean has the least squared error, and rmse is the family's main metric
        mean = float(known.mean()) if len(known) else 0.0
        answered = replace(reference, predicted=np.full(len(reference), mean))
        return answered, Phrase("baseline.mean", answer=f"{mean:.4g}")

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: NumberOutcomes
    ) -> NumberOutcomes | None:
        """Return the outcomes of ridge regression."""
        known = np.array(truths.values, dtype=np.float64)
        # lsqr takes products with the sparse (n, features) alone: centring would make the matrix dense
        model = Ridge(alpha=1.0, solver="lsqr").fit(train, known)
        return replace(reference, predicted=np.asarray(model.predict(test), dtype=np.float64))

    def linear_name(self) -> Phrase:
        """Return `ridge regression`."""
        return Phrase("baseline.ridge-regression")
