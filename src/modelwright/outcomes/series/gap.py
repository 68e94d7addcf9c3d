"""How far the answers of two bodies with forecasts lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, in_deviations
from modelwright.outcomes.series.outcomes import SeriesOutcomes


@final
class SeriesGap(BodyGap[SeriesOutcomes]):
    """The largest difference of a quantile in standard deviations of the truth. The mae may grow by half a percent."""

    main: ClassVar[str] = "mae"
    most_lost: ClassVar[float] = 0.005
    relative: ClassVar[bool] = True

    def between(self, left: SeriesOutcomes, right: SeriesOutcomes) -> Gap:
        """Return the gap; a forecast has no label and no confidence."""
        most = in_deviations(left.truth, left.quantiles, right.quantiles)
        return Gap(len(left), 0, most, most)
