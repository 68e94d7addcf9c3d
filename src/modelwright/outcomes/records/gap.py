"""How far the records of two bodies, and how likely they find the truths, lie apart."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from modelwright.outcomes.contract.gap import BodyGap, Gap
from modelwright.outcomes.records.outcomes import RecordOutcomes


@final
class RecordGap(BodyGap[RecordOutcomes]):
    """Rows with another record, and the largest difference of ln p a token. Perplexity may grow by two percent."""

    main: ClassVar[str] = "perplexity"
    most_lost: ClassVar[float] = 0.02
    relative: ClassVar[bool] = True

    def between(self, left: RecordOutcomes, right: RecordOutcomes) -> Gap:
        """Return the gap, of the rows that both wrote for, or of whose truths both say how likely they are."""
        # (n,) each: a record counts where both wrote, a likelihood where both know it
        written, likely = left.written & right.written, left.likely & right.likely
        # (likely,): nats a token, so that a long truth is no farther off than a short one
        apart = np.abs(left.log_likelihood - right.log_likelihood)[likely] / left.tokens[likely]
        most = float(apart.max()) if len(apart) else 0.0
        return Gap(len(left), int((left.predicted != right.predicted)[written].sum()), most, most)
