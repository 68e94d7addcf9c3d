"""A candidate for packaging: a body, run as it will serve, and what it showed on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelwright.core.messages import PackageError, Problem
from modelwright.core.requirements.requirement import Requirement
from modelwright.package.body import Body
from modelwright.package.folder import Package
from modelwright.runtime.function import Function
from modelwright.stages.package import accept
from modelwright.stages.package.accept import Figures
from modelwright.stages.package.compare import (
    BATCH_TOLERANCE,
    PARITY_TOLERANCE,
    Answers,
    Columns,
    Gap,
    batch_gap,
    gap,
    outcomes,
)


@dataclass(frozen=True)
class Candidate:
    """A body and what it showed. `parity` is against the network before export; `refused` says why."""

    name: str
    body: Body
    parity: Gap
    batches: Gap
    figures: Figures
    refused: str | None = None

    @property
    def graph_bytes(self) -> int:
        """Return the size of all graphs."""
        return sum(map(len, self.body.graphs.values()))

    def as_json(self) -> dict[str, Any]:
        """Return what the candidate showed as JSON."""
        return {
            "name": self.name,
            "graph_bytes": self.graph_bytes,
            "parity": self.parity.as_json(),
            "batches": self.batches.as_json(),
            "validation": self.figures.as_json(),
            "refused": self.refused,
        }


@dataclass(frozen=True)
class Bench:
    """What candidates are tried on.

    `facts`: rows for what is true or false of a graph (parity, batches); `rows`: rows for estimates;
    `network`: the answers of the network before export to `facts`.
    """

    facts: Columns
    rows: Columns
    network: Answers
    requirements: Sequence[Requirement]
    threads: int


def try_out(name: str, body: Body, bench: Bench) -> Candidate:
    """Run a body as it will serve and return what it showed."""
    function = Function(Package(body, "", bench.threads))
    inputs = [field.name for field in body.signature.inputs]
    answered = function.infer({n: bench.facts[n] for n in inputs})
    found = outcomes(body, bench.rows, function.infer({n: bench.rows[n] for n in inputs}))
    return Candidate(
        name,
        body,
        parity=gap(outcomes(body, bench.facts, bench.network), outcomes(body, bench.facts, answered)),
        batches=batch_gap(function, body, bench.facts),
        figures=accept.figures(found, bench.rows, bench.requirements),
    )


def require_sound(exact: Candidate) -> None:
    """Raise PackageError for an exported graph that is not the network, or that looks at its neighbours."""
    problems = []
    if exact.parity.probability > PARITY_TOLERANCE:
        problems.append(
            Problem(
                "package.parity",
                rule="the exported graph answers as the network did: on validation no probability (or "
                f"number, in standard deviations) differs by more than {PARITY_TOLERANCE}",
                found=f"a difference of {exact.parity.probability:.3g}, and {exact.parity.labels} other "
                f"labels, in {exact.parity.rows} rows",
                next_step="this is a fault of the export: report it, and choose another `model.learner`",
            )
        )
    if (dependence := batch_dependence(exact.batches)) is not None:
        problems.append(
            Problem(
                "package.batch-dependent",
                rule="an answer does not depend on its batch: alone and beside other rows, no label "
                f"differs, and no confidence by more than {BATCH_TOLERANCE}",
                found=dependence,
                next_step="choose another `model.learner`: a graph must not mix the rows of a batch",
            )
        )
    if problems:
        raise PackageError(problems)


def batch_dependence(found: Gap) -> str | None:
    """Return how answers depend on their batch, or None where they do not."""
    if found.labels == 0 and found.confidence <= BATCH_TOLERANCE:
        return None
    return (
        f"answers depend on their batch: {found.labels} of {found.rows} labels differ, and confidence by up "
        f"to {found.confidence:.3g}"
    )
