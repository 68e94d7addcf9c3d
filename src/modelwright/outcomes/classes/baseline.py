"""Baselines of outputs with classes: the commonest class, and logistic regression."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract import logistic
from modelwright.outcomes.contract.baseline import BaselineModels, Truths

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class ClassBaselines(BaselineModels[ClassOutcomes]):
    """The commonest class of the training split, with the shares of all as probabilities; logistic regression."""

    def constant(self, truths: Truths, reference: ClassOutcomes) -> tuple[ClassOutcomes, Phrase]:
        """Return the outcomes of always answering the commonest class."""
        places = _places((label for labels in truths.labels for label in labels), reference)
        shares = np.bincount(places, minlength=len(reference.classes)) / max(len(places), 1)  # (classes,)
        # of classes equally common the first, so that every run answers the same
        best = int(shares.argmax())
        says = Phrase("baseline.commonest-class", answer=reference.classes[best])
        if reference.costs is not None:
            # where errors have costs, the one answer to everything that would have cost training the least
            best = int(reference.answered_by_costs(shares[None])[0])
            says = Phrase("baseline.cheapest-class", answer=reference.classes[best])
        n = len(reference)
        found = replace(
            reference,
            predicted=np.full(n, best, dtype=np.int64),
            probabilities=np.tile(shares, (n, 1)).astype(np.float64),
            considered=np.full(n, best, dtype=np.int64),
        )
        return found, says

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: ClassOutcomes
    ) -> ClassOutcomes | None:
        """Return the outcomes of multinomial logistic regression; None where training shows one class only."""
        places = _places((labels[0] for labels in truths.labels), reference)
        if len(np.unique(places)) < 2:
            return None
        classifier = logistic.fitted(train, places)
        probabilities = np.zeros((len(reference), len(reference.classes)))
        # (rows, C): classes without training rows keep probability 0
        probabilities[:, classifier.classes_] = classifier.predict_proba(test)
        answered = (
            probabilities.argmax(axis=1).astype(np.int64)
            if reference.costs is None
            else reference.answered_by_costs(probabilities)
        )
        return replace(reference, predicted=answered, probabilities=probabilities, considered=answered)

    def linear_name(self) -> Phrase:
        """Return `logistic regression`."""
        return Phrase("baseline.logistic-regression")


def _places(names: Iterable[str], reference: ClassOutcomes) -> NDArray[np.int64]:
    position = {name: place for place, name in enumerate(reference.classes)}
    return np.array([position[name] for name in names], dtype=np.int64)
