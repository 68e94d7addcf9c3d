"""How far the rankings of two bodies lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.ranking.outcomes import RankingOutcomes


@final
class RankingGap(BodyGap[RankingOutcomes]):
    """Other answers, and the largest difference of a confidence. The mean reciprocal rank may fall by half a point."""

    main: ClassVar[str] = "mrr"
    most_lost: ClassVar[float] = 0.005

    def between(self, left: RankingOutcomes, right: RankingOutcomes) -> Gap:
        """Return the gap; one in a confidence counts where both answer the same."""
        same = left.predicted == right.predicted
        most = largest(left.probabilities[same], right.probabilities[same])
        return Gap(len(left), int((~same).sum()), most, most)
