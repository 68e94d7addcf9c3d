"""Baselines of vectors: the mean, and ridge regression."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np
from sklearn.linear_model import Ridge

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.vectors.outcomes import VectorOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class VectorBaselines(BaselineModels[VectorOutcomes]):
    """The mean of the training split; ridge regression of each dimension."""

    def constant(self, truths: Truths, reference: VectorOutcomes) -> tuple[VectorOutcomes, Phrase]:
        """Return the outcomes of always answering the mean."""
        known = np.array(truths.values, dtype=np.float64)  # (rows, d)
        # (d,): of all constants the mean has the least squared error
        mean = known.mean(axis=0) if len(known) else np.zeros(reference.truth.shape[1])
        answered = replace(reference, predicted=np.tile(mean, (len(reference), 1)))
        return answered, Phrase("baseline.mean-vector")

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: VectorOutcomes
    ) -> VectorOutcomes | None:
        """Return the outcomes of ridge regression."""
        known = np.array(truths.values, dtype=np.float64)
        # lsqr takes products with the sparse (n, features) alone: centring would make the matrix dense
        model = Ridge(alpha=1.0, solver="lsqr").fit(train, known)
        predicted = np.asarray(model.predict(test), dtype=np.float64).reshape(len(reference), -1)
        return replace(reference, predicted=predicted)

    def linear_name(self) -> Phrase:
        """Return `ridge regression`."""
        return Phrase("baseline.ridge-regression")
