"""The baseline of texts: the commonest one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.texts.outcomes import TextOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_SHOWN = 60  # characters


@final
class TextBaselines(BaselineModels[TextOutcomes]):
    """The commonest text of the training split; nothing linear writes."""

    def constant(self, truths: Truths, reference: TextOutcomes) -> tuple[TextOutcomes, Phrase]:
        """Return the outcomes of always writing the commonest text; of equally common ones, that of middle length."""
        counts = Counter(str(one) for one in truths.values)
        most = max(counts.values(), default=0)
        # in order of length: a text of middle length shares more with others than the shortest does
        commonest = sorted(
            (text for text, count in counts.items() if count == most), key=lambda t: (len(t), t)
        )
        text = commonest[len(commonest) // 2] if commonest else ""
        n = len(reference)
        unknown = np.full(n, np.nan)
        same = np.full(n, text, dtype=object)
        same[~reference.written] = None
        found = replace(
            reference,
            predicted=same,
            cut=np.zeros(n, dtype=np.bool_),
            log_likelihood=unknown,
            tokens=unknown,
            copied=unknown,
            refused=np.zeros(n, dtype=np.bool_),
            supported=unknown,
        )
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return found, Phrase("baseline.commonest-text", answer=" ".join(shown.split()))

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: TextOutcomes
    ) -> TextOutcomes | None:
        """Return None: a linear model writes nothing."""
        return None

    def linear_name(self) -> Phrase:
        """Return the name of what is never learned."""
        return Phrase("baseline.commonest-text", answer="")
