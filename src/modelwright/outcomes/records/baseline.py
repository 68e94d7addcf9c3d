"""The baseline of records: the commonest one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, final

import numpy as np

from modelwright.core.messages import Phrase
from modelwright.outcomes.contract.baseline import BaselineModels, Truths
from modelwright.outcomes.records.outcomes import RecordOutcomes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_SHOWN = 60  # characters


@final
class RecordBaselines(BaselineModels[RecordOutcomes]):
    """The commonest record of the training split; nothing linear writes."""

    def constant(self, truths: Truths, reference: RecordOutcomes) -> tuple[RecordOutcomes, Phrase]:
        """Return the outcomes of always answering the commonest record; of several, the first by its text."""
        counts = Counter(str(one) for one in truths.values)
        record = min(counts, key=lambda one: (-counts[one], one), default="{}")
        n = len(reference)
        same = np.full(n, record, dtype=object)
        same[~reference.written] = None
        unknown = np.full(n, np.nan)
        found = replace(
            reference,
            predicted=same,
            cut=np.zeros(n, dtype=np.bool_),
            log_likelihood=unknown,
            tokens=unknown,
        )
        shown = record if len(record) <= _SHOWN else f"{record[:_SHOWN]}…"
        return found, Phrase("baseline.commonest-text", answer=shown)

    def linear(
        self, truths: Truths, train: csr_matrix, test: csr_matrix, reference: RecordOutcomes
    ) -> RecordOutcomes | None:
        """Return None: a linear model writes nothing."""
        return None

    def linear_name(self) -> Phrase:
        """Return the name of what is never learned."""
        return Phrase("baseline.commonest-text", answer="")
