"""What tagging must beat: no spans at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.entities.outcomes import EntityOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class EntityBaselines(BaselineModels[EntityOutcomes]):
    """No span; nothing linear finds places."""

    def constant(self, truths: Truths, reference: EntityOutcomes) -> tuple[EntityOutcomes, Phrase]:
        """Return the outcomes of never finding a span: no other answer fits every text."""
        # a confidence of 0: it says nothing of any place
        n = len(reference)
        found = EntityOutcomes.of(
            reference.names, reference.truth.tolist(), [()] * n, np.zeros(n), [[] for _ in range(n)]
        )
        return found, Phrase("baseline.no-span")

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: EntityOutcomes
    ) -> EntityOutcomes | None:
        """Return None: a linear model of a whole text finds no places in it."""
        return None

    def linear_name(self) -> Phrase:
        """Return the name of what is never learned."""
        return Phrase("baseline.no-span")
