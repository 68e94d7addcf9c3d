"""How far the spans that two bodies answer lie apart."""

from __future__ import annotations

from typing import ClassVar, final

from modelwright.outcomes.contract.gap import BodyGap, Gap, largest
from modelwright.outcomes.entities.outcomes import EntityOutcomes


@final
class EntityGap(BodyGap[EntityOutcomes]):
    """Rows with other spans, and the largest difference of a confidence. F1 over all spans may fall by half a point."""

    main: ClassVar[str] = "entity_f1"
    most_lost: ClassVar[float] = 0.005

    def between(self, left: EntityOutcomes, right: EntityOutcomes) -> Gap:
        """Return the gap; one in a confidence counts where both answer the same."""
        same = left.predicted == right.predicted  # (n,): of tuples, each compared as a whole
        most = largest(left.probabilities[same], right.probabilities[same])
        return Gap(len(left), int((~same).sum()), most, most)
