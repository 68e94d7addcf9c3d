"""The range test of a plan: its learner's losses while the rate rises, and what they propose. Nothing is sealed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwright import learners
from modelwright.core.messages import Problem, ProjectError
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.engine.store import ArtifactPart
from modelwright.learners.contract.rate_sweep import RateSweep
from modelwright.stages.learn.rate_proposal import RateProposal, proposal
from modelwright.stages.learn.ready import ready, rows_for
from modelwright.storage.formats.plan import Choice, Machine

BUDGET_SHARE = 0.05
"""Of `learn.budget`, that the steps may take; the fewest that show anything are taken all the same."""


@dataclass(frozen=True)
class FoundRates:
    """What a range test came to; seconds: of the clock, all of it."""

    learner: str
    sweep: RateSweep
    proposal: RateProposal
    seconds: float


def find_rates(
    train: ArtifactPart,
    validation: ArtifactPart,
    choice: Path,
    signature: Signature,
    machine: Machine,
    pretrained: Mapping[str, Path],
    budget_s: float,
    progress: Progress,
) -> FoundRates:
    """Return the range test of the learner of a choice; choice: its folder; budget_s: `learn.budget`.

    Raises ProjectError for a learner that has no such test, and what `learn` raises before its first step.
    """
    started = time.perf_counter()
    chosen = Choice.read(choice)
    spec, setup = ready(chosen, choice, machine, pretrained)
    given = rows_for(spec, train, validation, signature)
    sweep = learners.learn(spec.name).rates(signature, given, setup, budget_s * BUDGET_SHARE, progress)
    if sweep is None:
        raise ProjectError(Problem("rate.no-test", learner=spec.name))
    found = proposal(sweep.rates, sweep.losses)
    return FoundRates(spec.name, sweep, found, time.perf_counter() - started)
