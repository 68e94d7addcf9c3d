"""What `learn --find-rate` answers: the loss by rate, and the rate that it proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from modelwright.core.messages import Phrase
from modelwright.core.messages.setting import setting


@dataclass(frozen=True)
class RatePoint:
    """The loss of a batch at a rate, and the mean around it."""

    rate: float
    loss: float
    smoothed: float


@dataclass(frozen=True)
class RateReport:
    """A learning-rate range test.

    rate: of `learn.learning_rate`, None where nothing can be proposed; reason: `steepest`, `tenth`, `never-falls` or
    `too-few`; settings: the keys of the project file that are proposed; share: of `learn.budget` that the steps may
    take.
    """

    function: str
    learner: str
    rate: float | None
    reason: str
    points: tuple[RatePoint, ...]
    seconds: float
    share: float
    settings: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON."""
        return {**asdict(self), "notes": self.notes()}

    def lines(self) -> list[str]:
        """Return the lines of the project file that are proposed."""
        return [setting(key, value) for key, value in self.settings.items()]

    def notes(self) -> list[str]:
        """Return what there is to say, in sentences."""
        least = min(self.points, key=lambda one: one.smoothed, default=None)
        found = Phrase(
            "rate.found",
            reason=self.reason,
            rate=self.rate,
            least=None if least is None else least.rate,
            steps=len(self.points),
        )
        return [str(found), str(Phrase("rate.cost", steps=len(self.points), share=self.share))]
