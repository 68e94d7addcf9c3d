"""How far the answers of two bodies with vectors lie apart."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.vectors.outcomes import VectorOutcomes


@final
class VectorGap(BodyGap[VectorOutcomes]):
    """The largest difference in standard deviations of all truths. The rmse may grow by half a percent."""

    main: ClassVar[str] = "rmse"
    most_lost: ClassVar[float] = 0.005
    relative: ClassVar[bool] = True

    def between(self, left: VectorOutcomes, right: VectorOutcomes) -> Gap:
        """Return the gap; a vector has no label and no confidence."""
        # without a truth, or with equal ones, the unit is the output's own
        spread = float(np.nanstd(left.truth)) if np.isfinite(left.truth).any() else 0.0
        most = largest(left.predicted, right.predicted) / (spread or 1.0)
        return Gap(len(left), 0, most, most)
