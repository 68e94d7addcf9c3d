"""How far the answers of two bodies with vectors lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, in_deviations
from modelwright.outcomes.vectors.outcomes import VectorOutcomes


@final
class VectorGap(BodyGap[VectorOutcomes]):
    """The largest difference in standard deviations of all truths. The rmse may grow by half a percent."""

    main: ClassVar[str] = "rmse"
    most_lost: ClassVar[float] = 0.005
    relative: ClassVar[bool] = True

    def between(self, left: VectorOutcomes, right: VectorOutcomes) -> Gap:
        """Return the gap; a vector has no label and no confidence."""
        most = in_deviations(left.truth, left.predicted, right.predicted)
        return Gap(len(left), 0, most, most)
