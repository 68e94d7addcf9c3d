"""The state machine of a rollout, as a pure function of its state, the evidence and the time.

    requested ─▶ warming ─▶ shadow? ─▶ canary, step by step ─▶ serving ─▶ retired
        └───────────┴──────────┴─────────────┴──▶ aborted ─▶ rolled back

A version that is loaded takes its steps as long as nothing speaks against it, and serves when everything that traffic
can show is proven. What is broken aborts at once; what is open waits, until the deadline aborts it, too. Missing
traffic, a missing figure and NaN prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from modelwright.core.evidence.verdict import Outcome, Verdict
from modelwright.core.messages import Phrase
from modelwright.core.rollouts.strategy import Strategy, TrafficStep
from modelwright.core.units import format_duration


class Status(StrEnum):
    """Names where a release stands."""

    REQUESTED = "requested"  # written down; no gateway has taken it up
    WARMING = "warming"  # its workers start beside those that answer
    SHADOW = "shadow"  # gets copies of the traffic
    CANARY = "canary"  # answers a share of it
    SERVING = "serving"  # answers all of it, for good
    RETIRED = "retired"  # another release serves instead
    ABORTED = "aborted"  # decided against; the version before has yet to answer everything again
    ROLLED_BACK = "rolled back"  # it does; final
    FAILED = "failed"  # did not start; final


UNDER_WAY = frozenset({Status.REQUESTED, Status.WARMING, Status.SHADOW, Status.CANARY})
DEAD = frozenset({Status.ABORTED, Status.ROLLED_BACK, Status.FAILED})

# What comes in is found by its time. Where the clock says less than when the step began, the requests of the step would
# not be judged until it has caught up; so far it may go back, as clocks do that are set by a network.
CLOCK_TOLERANCE_S = 60.0


@dataclass(frozen=True)
class Rollout:
    """Where a rollout stands: what the state database holds of it, and nothing else.

    champion: the version that answers until this one is proven. step: the place among the strategy's steps.
    requested_s, entered_s: Unix times of the request, and of the newest change of status or step.
    """

    version: int
    champion: int
    strategy: Strategy
    status: Status
    step: int
    requested_s: float
    entered_s: float

    @property
    def current(self) -> TrafficStep | None:
        """Return the step that the rollout is at, None where it is at none."""
        if self.status not in (Status.SHADOW, Status.CANARY):
            return None
        return self.strategy.steps[self.step]

    @property
    def shares(self) -> dict[int, float]:
        """Return which version answers what share of the traffic; one with 0 is loaded, too."""
        step = self.current
        if self.status is Status.SERVING:
            return {self.version: 1.0, self.champion: 0.0}
        if self.status is Status.WARMING:
            return {self.champion: 1.0, self.version: 0.0}
        if step is None:
            return {self.champion: 1.0}
        return {self.champion: 1.0 - step.share, self.version: step.share}

    @property
    def shadow(self) -> int | None:
        """Return the version that gets copies of the traffic, None without one.

        At a step with all of the traffic that is the champion: what it answers goes on to be compared with.
        """
        if self.status is Status.SHADOW:
            return self.version
        step = self.current
        return self.champion if step is not None and step.share >= 1 else None


@dataclass(frozen=True)
class RolloutEvidence:
    """What is known of the version. loaded: whether its workers can answer (None: not yet known).

    rows: what it answered since its step began. needed: verdicts that must all be `met`; optional: verdicts that hold
    nothing up, and abort where they are `unmet` (labels that may never come).
    """

    loaded: bool | None = None
    rows: int = 0
    needed: tuple[Verdict, ...] = ()
    optional: tuple[Verdict, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What follows: the next status and step, why, and the verdicts that it rests on."""

    status: Status
    step: int
    why: Phrase
    verdicts: tuple[Verdict, ...] = ()


def decide(rollout: Rollout, evidence: RolloutEvidence, now_s: float) -> Decision | None:
    """Return what follows from the state, the evidence and the time; None: wait."""
    if rollout.status not in UNDER_WAY:
        return None
    verdicts = (*evidence.needed, *evidence.optional)
    why = _against(rollout, evidence, now_s)
    if why is not None:
        return Decision(Status.ABORTED, rollout.step, why, verdicts)
    if rollout.status is Status.REQUESTED:
        return Decision(Status.WARMING, 0, Phrase("rollout.taken-up"))
    if rollout.status is Status.WARMING:
        loaded = Phrase("rollout.loaded", version=rollout.version)
        return _entered(rollout, 0, loaded) if evidence.loaded else None
    return _stepped(rollout, evidence, now_s)


def _stepped(rollout: Rollout, evidence: RolloutEvidence, now_s: float) -> Decision | None:
    """Return the decision to leave a step, or None where it asks for more requests, time or proof."""
    strategy, waited_s = rollout.strategy, now_s - rollout.entered_s
    last = rollout.step == len(strategy.steps) - 1
    enough = evidence.rows >= max(strategy.least_rows, 1) and waited_s >= strategy.least_s
    if not enough or (last and not _is_proven(evidence.needed)):
        return None
    # Where the champion answers nobody from the next step on, each answer to a caller is the version's: it must be
    # proven by then to be no worse. That copies for the champion then show more of it can only stop the version.
    beside = [one for one in evidence.needed if one.requirement.bar.champion]
    if not last and strategy.steps[rollout.step + 1].share >= 1 and beside and not _is_proven(beside):
        return None
    rows, time = evidence.rows, format_duration(round(waited_s))
    why = (
        Phrase("rollout.proven", rows=rows, time=time)
        if last
        else Phrase("rollout.nothing-against", rows=rows, time=time)
    )
    return replace(_entered(rollout, rollout.step + 1, why), verdicts=(*evidence.needed, *evidence.optional))


def _entered(rollout: Rollout, step: int, why: Phrase) -> Decision:
    """Return the decision to go to a step, or past the last one."""
    steps = rollout.strategy.steps
    if step >= len(steps):
        return Decision(Status.SERVING, step, why)
    return Decision(Status.SHADOW if steps[step].is_shadow else Status.CANARY, step, why)


def _against(rollout: Rollout, evidence: RolloutEvidence, now_s: float) -> Phrase | None:
    """Return what ends the rollout now: a worker that does not start, a broken requirement, the clock, the deadline."""
    unmet = _texts(one for one in (*evidence.needed, *evidence.optional) if one.outcome is Outcome.UNMET)
    if evidence.loaded is False:
        return Phrase("rollout.not-loaded", version=rollout.version)
    if unmet:
        return Phrase("rollout.unmet", requirements=unmet)
    if now_s < rollout.entered_s - CLOCK_TOLERANCE_S:
        return Phrase("rollout.clock", time=format_duration(round(rollout.entered_s - now_s)))
    if now_s - rollout.requested_s < rollout.strategy.deadline_s:
        return None
    at_last = rollout.current is not None and rollout.step == len(rollout.strategy.steps) - 1
    if at_last and _is_proven(evidence.needed) and evidence.rows >= max(rollout.strategy.least_rows, 1):
        return None  # proven in the last minute
    open_ = _texts(one for one in evidence.needed if one.outcome is not Outcome.MET)
    time = format_duration(round(rollout.strategy.deadline_s))
    return Phrase("rollout.deadline", time=time, requirements=open_ or None)


def _is_proven(needed: Sequence[Verdict]) -> bool:
    """Return whether all verdicts are met; none at all prove nothing."""
    return bool(needed) and all(one.outcome is Outcome.MET for one in needed)


def _texts(verdicts: Iterable[Verdict]) -> list[str]:
    return [str(one.requirement) for one in verdicts]
