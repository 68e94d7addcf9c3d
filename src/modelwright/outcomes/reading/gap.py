"""How far the answers of two bodies lie apart that read the same texts."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.reading.outcomes import ReadingOutcomes


@final
class ReadingGap(BodyGap[ReadingOutcomes]):
    """Other places, and the largest difference of a confidence. The mean F1 of words may fall by half a point."""

    main: ClassVar[str] = "token_f1"
    most_lost: ClassVar[float] = 0.005

    def between(self, left: ReadingOutcomes, right: ReadingOutcomes) -> Gap:
        """Return the gap; one in a confidence counts where both answer the same."""
        same = left.predicted == right.predicted  # (n,): of tuples, each compared as a whole
        most = largest(left.probabilities[same], right.probabilities[same])
        return Gap(len(left), int((~same).sum()), most, most)
