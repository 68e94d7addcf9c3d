"""Baselines of outputs that are sets: the commonest set, and one logistic regression per tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract import logistic
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.sets.outcomes import SetOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class SetBaselines(BaselineModels[SetOutcomes]):
    """The commonest set of the training split, with the shares of the tags as probabilities; one-vs-rest."""

    def constant(self, truths: Truths, reference: SetOutcomes) -> tuple[SetOutcomes, Phrase]:
        """Return the outcomes of always answering the commonest set; of equally common ones, the first by name."""
        members = _members(truths.labels, reference.tags)
        counts = Counter(truths.labels)
        commonest = min(counts, key=lambda tags: (-counts[tags], tags)) if counts else ()
        n = len(reference)
        shares = members.mean(axis=0) if len(members) else np.zeros(len(reference.tags))  # (tags,)
        found = replace(
            reference,
            predicted=np.tile(_members([commonest], reference.tags), (n, 1)),
            probabilities=np.tile(shares.astype(np.float64), (n, 1)),
        )
        if not commonest:
            return found, Phrase("baseline.empty-set")
        return found, Phrase("baseline.commonest-set", answer=", ".join(commonest))

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: SetOutcomes
    ) -> SetOutcomes | None:
        """Return the outcomes of one logistic regression per tag; a tag of all or no rows keeps its share."""
        members = _members(truths.labels, reference.tags)
        probabilities = np.zeros((len(reference), len(reference.tags)))
        # a tag of all training rows or of none leaves nothing to separate: its share is its probability
        varies = [place for place in range(len(reference.tags)) if 0 < members[:, place].sum() < len(members)]
        for place in range(len(reference.tags)):
            if place not in varies:
                probabilities[:, place] = members[:, place].mean()
                continue
            # one-vs-rest: targets (rows,) of one tag at a time
            classifier = logistic.fitted(train, members[:, place])
            probabilities[:, place] = classifier.predict_proba(test)[:, 1]
        if not varies:
            return None
        return replace(
            reference, predicted=(probabilities >= 0.5).astype(np.int8), probabilities=probabilities
        )

    def linear_name(self) -> Phrase:
        """Return `one logistic regression per tag`."""
        return Phrase("baseline.one-vs-rest")


def _members(labels: Sequence[tuple[str, ...]], tags: Sequence[str]) -> NDArray[np.int8]:
    """Return (n, tags): 1 where the tag is in the set."""
    place = {name: position for position, name in enumerate(tags)}
    found = np.zeros((len(labels), len(tags)), dtype=np.int8)
    for row, members in enumerate(labels):
        found[row, [place[tag] for tag in members if tag in place]] = 1
    return found
