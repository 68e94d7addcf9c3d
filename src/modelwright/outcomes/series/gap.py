"""How far the answers of two bodies with forecasts lie apart."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.series.outcomes import SeriesOutcomes


@final
class SeriesGap(BodyGap[SeriesOutcomes]):
    """The largest difference of a quantile in standard deviations of the truth. The mae may grow by half a percent."""

    main: ClassVar[str] = "mae"
    most_lost: ClassVar[float] = 0.005
    relative: ClassVar[bool] = True

    def between(self, left: SeriesOutcomes, right: SeriesOutcomes) -> Gap:
        """Return the gap; a forecast has no label and no confidence."""
        # (n, h), NaN where missing; without a truth, or with equal ones, the unit is the output's own
        spread = float(np.nanstd(left.truth)) if np.isfinite(left.truth).any() else 0.0
        most = largest(left.quantiles, right.quantiles) / (spread or 1.0)
        return Gap(len(left), 0, most, most)
