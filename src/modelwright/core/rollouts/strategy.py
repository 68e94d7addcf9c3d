"""A strategy: through which steps a version comes to answer, and what each step asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

StrategyName = Literal["direct", "blue-green", "canary", "shadow"]


@dataclass(frozen=True)
class TrafficStep:
    """One step of a rollout: the version answers a share of the traffic, or (share 0) gets copies of it."""

    share: float

    @property
    def is_shadow(self) -> bool:
        """Return whether the version's answers go into the record alone."""
        return self.share == 0


@dataclass(frozen=True)
class Strategy:
    """How a release moves traffic. It is kept with the release: what the project file says later changes nothing.

    shares: what a canary answers, step by step. shadow_first: a canary gets copies before it answers anything.
    least_rows, least_s: what each step waits for. deadline_s: from the request on; without proof by then, the release
    is aborted. keep_s: how long the version before stays loaded. error: the chance at most that a version is promoted
    which breaks a requirement, and that one is aborted for a requirement which it keeps. tolerances: by metric, how
    much worse than the champion is still the same (latency: as a share of the champion's; else as a share of rows);
    a metric that is left out is not compared. needs_labels: no promotion before labels have shown the quality.
    """

    name: StrategyName = "direct"
    shares: tuple[float, ...] = (0.05, 0.25, 0.5)
    shadow_first: bool = False
    least_rows: int = 200
    least_s: float = 60.0
    deadline_s: float = 86_400.0
    keep_s: float = 600.0
    error: float = 0.05
    tolerances: tuple[tuple[str, float], ...] = ()
    needs_labels: bool = False

    @property
    def steps(self) -> tuple[TrafficStep, ...]:
        """Return the steps between loading the version and its answering everything for good."""
        shadow, canary = TrafficStep(0.0), tuple(TrafficStep(share) for share in self.shares)
        return {
            "direct": (),
            # checked before the switch on copies, and after it on all of the traffic, of which the champion gets copies
            "blue-green": (shadow, TrafficStep(1.0)),
            "canary": (shadow, *canary) if self.shadow_first else canary,
            "shadow": (shadow,),
        }[self.name]

    def as_json(self) -> dict[str, Any]:
        """Return the strategy as JSON."""
        pairs = [list(pair) for pair in self.tolerances]
        return {**asdict(self), "shares": list(self.shares), "tolerances": pairs}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Strategy:
        """Read what `as_json` wrote; what an earlier version did not know has its default."""
        pairs = tuple((str(name), float(value)) for name, value in data.get("tolerances", ()))
        return cls(**{**data, "shares": tuple(data["shares"]), "tolerances": pairs})
