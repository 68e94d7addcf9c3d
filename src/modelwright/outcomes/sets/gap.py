"""How far the answers of two bodies with sets lie apart."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.sets.outcomes import SetOutcomes


@final
class SetGap(BodyGap[SetOutcomes]):
    """Rows with another set, and the largest difference of a probability. Micro F1 may fall by half a point."""

    main: ClassVar[str] = "f1_micro"
    most_lost: ClassVar[float] = 0.005

    def between(self, left: SetOutcomes, right: SetOutcomes) -> Gap:
        """Return the gap; the confidence is that of the least sure membership."""
        # predicted and probabilities (n, K): a row differs where any of its tags does
        return Gap(
            len(left),
            int((left.predicted != right.predicted).any(axis=1).sum()),
            largest(left.probabilities, right.probabilities),
            largest(_sure(left), _sure(right)),
        )


def _sure(outcomes: SetOutcomes) -> NDArray[np.float64]:
    # (n, K) → (n,): of each tag the surer of in and out, of these the least
    sure: NDArray[np.float64] = np.maximum(outcomes.probabilities, 1 - outcomes.probabilities).min(axis=1)
    return sure
