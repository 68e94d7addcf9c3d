"""How far the answers of two bodies with numbers lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, in_deviations
from modelwright.outcomes.numbers.outcomes import NumberOutcomes


@final
class NumberGap(BodyGap[NumberOutcomes]):
    """The largest difference in standard deviations of the truth. The rmse may grow by half a percent."""

    main: ClassVar[str] = "rmse"
    most_lost: ClassVar[float] = 0.005
    relative: ClassVar[bool] = True

    def between(self, left: NumberOutcomes, right: NumberOutcomes) -> Gap:
        """Return the gap; a number has no label and no confidence."""
        most = in_deviations(left.truth, left.predicted, right.predicted)
        return Gap(len(left), 0, most, most)
