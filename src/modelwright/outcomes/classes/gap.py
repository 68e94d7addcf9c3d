"""How far the answers of two bodies with classes lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract.gap import BodyGap, Gap, largest


@final
class ClassGap(BodyGap[ClassOutcomes]):
    """Other answers, and the largest difference of a probability. Accuracy may fall by half a point."""

    main: ClassVar[str] = "accuracy"
    balanced: ClassVar[str | None] = "f1"
    steady: ClassVar[str | None] = "log_loss"
    priced: ClassVar[str | None] = "cost"
    most_lost: ClassVar[float] = 0.005

    def between(self, left: ClassOutcomes, right: ClassOutcomes) -> Gap:
        """Return the gap; the confidence is that of the answer."""
        return Gap(
            len(left),
            int((left.predicted != right.predicted).sum()),
            largest(left.probabilities, right.probabilities),
            largest(left.confidence, right.confidence),
        )
