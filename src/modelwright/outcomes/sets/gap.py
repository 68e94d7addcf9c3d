"""How far the answers of two bodies with sets lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.sets.outcomes import SetOutcomes


@final
class SetGap(BodyGap[SetOutcomes]):
    """Rows with another set, and the largest difference of a probability. Micro F1 may fall by half a point."""

    main: ClassVar[str] = "f1_micro"
    balanced: ClassVar[str | None] = "f1"
    most_lost: ClassVar[float] = 0.005

    def between(self, left: SetOutcomes, right: SetOutcomes) -> Gap:
        """Return the gap; the confidence is that of the least sure membership."""
        # predicted and probabilities (n, K): a row differs where any of its tags does
        return Gap(
            len(left),
            int((left.predicted != right.predicted).any(axis=1).sum()),
            largest(left.probabilities, right.probabilities),
            largest(left.confidence, right.confidence),
        )
