"""What learning to find must beat: always the same passage, and the words alone (BM25)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.ranking.outcomes import RankingOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@final
class RankingBaselines(BaselineModels[RankingOutcomes]):
    """The passage that is right most often; BM25, which the package holds beside what was learned."""

    sort = "words alone"

    def constant(self, truths: Truths, reference: RankingOutcomes) -> tuple[RankingOutcomes, Phrase]:
        """Return the outcomes of always answering the passage that is right most often."""
        counts = Counter(one for value in truths.values if isinstance(value, frozenset) for one in value)
        most = max(counts, key=lambda one: (counts[one], one), default=None)
        # (n, k): it stands first in every ranking, and nothing behind it
        hits = np.zeros_like(reference.hits)
        hits[:, 0] = [most in named for named in reference.named]
        return _ranked(reference, hits), Phrase("baseline.same-passage", passage=most)

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: RankingOutcomes
    ) -> RankingOutcomes | None:
        """Return the outcomes of the words alone, of which nothing is learned; None where the package has no more."""
        # (n, k) each: a package that searches by words alone has these very hits, and nothing to stand beside
        if np.array_equal(reference.hits, reference.lexical):
            return None
        return _ranked(reference, reference.lexical)

    def linear_name(self) -> Phrase:
        """Return what searches by words."""
        # Robertson and Zaragoza (2009), "The probabilistic relevance framework: BM25 and beyond", section 3
        return Phrase("baseline.bm25")

    def describes(self, features: Phrase) -> Phrase:
        """Return the same: it sees the words of the passages, whatever a linear model would see."""
        return self.linear_name()


def _ranked(
    reference: RankingOutcomes, hits: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> RankingOutcomes:
    """Return outcomes with these hits, (n, k), of which the first is answered."""
    # another place than the truth's, where the first is wrong
    predicted = np.where(hits[:, 0], reference.truth, reference.truth.max(initial=0) + 1)
    return replace(reference, hits=hits, predicted=predicted, answers=(None,) * len(reference))
