"""How far the answers of two bodies with numbers lie apart."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.numbers.outcomes import NumberOutcomes


@final
class NumberGap(BodyGap[NumberOutcomes]):
    """The largest difference in standard deviations of the truth. The rmse may grow by half a percent."""

    main: ClassVar[str] = "rmse"
    most_lost: ClassVar[float] = 0.005
    relative: ClassVar[bool] = True

    def between(self, left: NumberOutcomes, right: NumberOutcomes) -> Gap:
        """Return the gap; a number has no label and no confidence."""
        # (n,), NaN where missing; without a truth, or with equal ones, the unit is the output's own
        spread = float(np.nanstd(left.truth)) if np.isfinite(left.truth).any() else 0.0
        most = largest(left.predicted, right.predicted) / (spread or 1.0)  # in deviations of the truth
        return Gap(len(left), 0, most, most)
