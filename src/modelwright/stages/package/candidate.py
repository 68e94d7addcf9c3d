"""A candidate for packaging: a body, run as it will serve, and what it showed on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelwright.core.messages import PackageError, Phrase, Problem
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.requirement import Requirement
from modelwright.outcomes.contract.gap import Gap
from modelwright.package.body import Body
from modelwright.package.content import size_bytes
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.stages.package import accept
from modelwright.stages.package.accept import Figures
from modelwright.stages.package.compare import (
    BATCH_TOLERANCE,
    PARITY_TOLERANCE,
    Answers,
    Columns,
    batch_gap,
    gap,
    outcomes_of,
)


@dataclass(frozen=True)
class Candidate:
    """A body and what it showed.

    parity: against the network before export; found: outcomes of the rows of the trial by output; changed: against the
    exact candidate on the same rows, None of that one; refused: why it may not be taken.
    """

    name: str
    body: Body
    parity: Gap
    batches: Gap
    figures: Figures
    found: Mapping[str, Outcomes] = field(repr=False)
    changed: Gap | None = None
    refused: Phrase | None = None

    @property
    def graph_bytes(self) -> int:
        """Return the size of all graphs."""
        return sum(map(size_bytes, self.body.graphs.values()))

    def as_json(self) -> dict[str, Any]:
        """Return what the candidate showed as JSON."""
        return {
            "name": self.name,
            "graph_bytes": self.graph_bytes,
            "parity": self.parity.as_json(),
            "batches": self.batches.as_json(),
            "changed": None if self.changed is None else self.changed.as_json(),
            "validation": self.figures.as_json(),
            "refused": None if self.refused is None else str(self.refused),
        }


@dataclass(frozen=True)
class Trial:
    """What candidates are tried on, the same for all of them.

    `facts`: rows for what is true or false of a graph (parity, batches); `rows`: rows for estimates;
    `network`: the answers of the network before export to `facts`.
    """

    facts: Columns
    rows: Columns
    network: Answers
    requirements: Sequence[Requirement]
    threads: int


def try_out(name: str, body: Body, trial: Trial, exact: Candidate | None = None) -> Candidate:
    """Run a body as it will serve and return what it showed, also beside the exact one."""
    function = Function(Package(body, "", trial.threads))
    signature = body.signature
    inputs = [field.name for field in body.signature.inputs]
    answered = function.infer({n: trial.facts[n] for n in inputs})
    found = outcomes_of(body, trial.rows, function.infer({n: trial.rows[n] for n in inputs}))
    return Candidate(
        name,
        body,
        parity=gap(
            signature, outcomes_of(body, trial.facts, trial.network), outcomes_of(body, trial.facts, answered)
        ),
        batches=batch_gap(function, body, trial.facts),
        figures=accept.figures(signature, found, trial.rows, trial.requirements),
        found=found,
        changed=None if exact is None else gap(signature, exact.found, found),
    )


def require_sound(exact: Candidate) -> None:
    """Raise PackageError for an exported graph that is not the network, or whose answers depend on their batch."""
    problems = []
    if exact.parity.probability > PARITY_TOLERANCE:
        problems.append(
            Problem(
                "package.parity",
                difference=exact.parity.probability,
                labels=exact.parity.labels,
                rows=exact.parity.rows,
                most=PARITY_TOLERANCE,
            )
        )
    if (dependence := batch_dependence(exact.batches)) is not None:
        problems.append(Problem("package.batch-dependent", dependence=dependence, most=BATCH_TOLERANCE))
    if problems:
        raise PackageError(problems)


def batch_dependence(found: Gap) -> Phrase | None:
    """Return how answers depend on their batch, or None where they do not."""
    if found.labels == 0 and found.confidence <= BATCH_TOLERANCE:
        return None
    return Phrase("package.batch-gap", labels=found.labels, rows=found.rows, confidence=found.confidence)
