"""The section `release` of the project file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from modelwright.core.messages import ValueProblem
from modelwright.core.quantities import Fraction, Seconds
from modelwright.core.rollouts.strategy import Strategy, StrategyName


class NotWorseConfig(BaseModel):
    """How much worse than the version before still counts as the same, on the same traffic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The metric that each key is about.
    metrics: ClassVar[dict[str, str]] = {
        "failure_rate": "failure_rate",
        "latency": "latency_p95",
        "accuracy": "labelled_accuracy",
    }

    failure_rate: Fraction | None = Field(
        0.001, gt=0, lt=1, description="more failed requests, as a share of all; null: not compared"
    )
    latency: Fraction | None = Field(
        0.1,
        gt=0,
        le=10,
        description="a longer latency_p95, as a share of the version's before; null: not compared",
    )
    accuracy: Fraction | None = Field(
        0.01, gt=0, lt=1, description="fewer right answers, as feedback shows them; null: not compared"
    )


class ReleaseConfig(BaseModel):
    """How a version reaches its users."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: StrategyName = Field(
        "direct",
        description="how traffic moves to a new version: `direct` all at once; `blue-green` all at once, checked on "
        "copies of the traffic before, and after on the traffic itself beside copies for the old version; `canary` "
        "step by step; `shadow` checked on copies alone",
    )
    allow_inconclusive: bool | tuple[str, ...] = Field(
        default=False,
        description="requirements that need not be proved before a release, each written as in "
        "`requirements` (`recall[fraud]`); or true for all. An unmet requirement always holds a release back",
    )
    steps: tuple[Fraction, ...] = Field(
        (0.05, 0.25, 0.5),
        min_length=1,
        max_length=20,
        description="the shares of the traffic that a canary answers, one after the other, such as [5 %, 50 %]",
    )
    shadow_first: bool = Field(
        default=False, description="whether a canary gets copies of the traffic before it answers any of it"
    )
    least_requests: int = Field(
        200, ge=1, le=10**8, description="requests that each step waits for, of the new version"
    )
    least_time: Seconds = Field(60.0, ge=0, description="how long each step lasts at least")
    deadline: Seconds = Field(
        86_400.0,
        gt=0,
        description="a version that is not proven this long after its release is taken back, such as `1 d`",
    )
    keep: Seconds = Field(
        600.0, ge=0, description="how long the version before stays loaded, so that going back takes no time"
    )
    sticky: str | None = Field(
        None,
        pattern=r"^(header|cookie|input) \S+$",
        examples=["header x-user", "cookie session", "input customer"],
        description="what keeps a caller with one version while several answer: `header x-user`, `cookie session` or "
        "`input customer`; null: chance alone decides",
    )
    not_worse: NotWorseConfig = Field(
        NotWorseConfig(), description="what is compared with the version before, on the same traffic"
    )
    needs_labels: bool = Field(
        default=False,
        description="whether a version must wait until feedback has shown its accuracy; else feedback can only stop it",
    )

    @field_validator("steps")
    @classmethod
    def _rise(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if not all(a < b for a, b in zip((0.0, *steps), (*steps, 1.0 + 1e-9), strict=True)):
            raise ValueProblem("release.steps", given=", ".join(f"{100 * one:g} %" for one in steps))
        return steps

    def as_strategy(self, confidence: float, name: StrategyName | None = None) -> Strategy:
        """Return what a release keeps of this section; name: another strategy than the section's."""
        kept = [(metric, getattr(self.not_worse, key)) for key, metric in NotWorseConfig.metrics.items()]
        return Strategy(
            name=name or self.strategy,
            shares=self.steps,
            shadow_first=self.shadow_first,
            least_rows=self.least_requests,
            least_s=self.least_time,
            deadline_s=self.deadline,
            keep_s=self.keep,
            error=1 - confidence,
            tolerances=tuple((metric, value) for metric, value in kept if value is not None),
            needs_labels=self.needs_labels,
        )
