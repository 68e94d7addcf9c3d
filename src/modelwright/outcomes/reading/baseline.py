"""What reading must beat: no answer at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.reading.outcomes import ReadingOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class ReadingBaselines(BaselineModels[ReadingOutcomes]):
    """No answer; nothing linear finds places."""

    def constant(self, truths: Truths, reference: ReadingOutcomes) -> tuple[ReadingOutcomes, Phrase]:
        """Return the outcomes of never answering: no other answer fits every text."""
        n = len(reference)
        known = [None if one is None else [(*pair, None) for pair in one] for one in reference.truth.tolist()]
        # a confidence of 0: it says nothing of any place
        return ReadingOutcomes.of(known, [None] * n, np.zeros(n)), Phrase("baseline.no-span")

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: ReadingOutcomes
    ) -> ReadingOutcomes | None:
        """Return None: a linear model of a whole text finds no places in it."""
        return None

    def linear_name(self) -> Phrase:
        """Return the name of what is never learned."""
        return Phrase("baseline.no-span")
