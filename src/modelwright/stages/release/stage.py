"""Release: write the request that a version be served, if every requirement that can be proved by now is.

It acts on the world and is never cached. It is idempotent: what is in production already is not requested
again. The gateway alone moves traffic.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from modelwright.core.evidence import operation
from modelwright.core.evidence.verdict import Verdict, gate
from modelwright.core.messages import Problem, StateError
from modelwright.core.rollouts.state_machine import UNDER_WAY
from modelwright.core.rollouts.strategy import Strategy
from modelwright.storage.state.database import State

RELEASED: Literal["released"] = "released"
ALREADY: Literal["already released"] = "already released"
HELD_BACK: Literal["held back"] = "held back"


@dataclass(frozen=True)
class Released:
    """What became of a release: its state, what holds it back, and the version in production before."""

    state: Literal["released", "already released", "held back"]
    blocking: tuple[Verdict, ...]
    previous: int | None


def release(
    state: State,
    number: int,
    verdicts: Sequence[Verdict],
    allow_inconclusive: bool | Collection[str],  # noqa: FBT001 - true allows all, texts allow some
    steps: Strategy,
    by: str,
) -> Released:
    """Request that a version be served unless a verdict holds it back; raises StateError for another champion, and
    for a strategy that cannot prove a bar.

    A version was judged against the package that was in production then. If a bar refers to it and another
    package is in production now, the verdict is about a comparison that no longer holds.
    """
    version, production, rolling = state.version(number), state.production(), state.rolling_release()
    if rolling is not None and rolling.version == number and rolling.status in UNDER_WAY:
        return Released(ALREADY, (), None)
    if production is not None and production.number == number:
        return Released(ALREADY, (), None)
    now = production.package_digest if production else None
    if any(one.requirement.bar.champion for one in verdicts) and version.champion_digest != now:
        raise StateError(
            Problem(
                "release.champion-changed",
                version=number,
                compared=_short(version.champion_digest),
                production=_short(now),
            )
        )
    require_copies(state, verdicts, steps)
    blocking = tuple(gate(verdicts, allow_inconclusive))
    previous = production.number if production else None
    if blocking:
        return Released(HELD_BACK, blocking, previous)
    state.request_release(number, steps.name, by, steps)
    return Released(RELEASED, (), previous)


def require_copies(state: State, verdicts: Sequence[Verdict], steps: Strategy) -> None:
    """Raise StateError where a bar is judged on copies of the traffic, and the strategy makes none."""
    if state.production() is None or not steps.steps or any(one.is_shadow for one in steps.steps):
        return
    for one in verdicts:
        if one.requirement.metric.name == operation.DISAGREEMENT:
            text = str(one.requirement)
            raise StateError(Problem("release.no-copies", requirement=text, strategy=steps.name))


def _short(digest: str | None) -> str | None:
    return digest[:12] if digest else None
