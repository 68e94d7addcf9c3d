"""A candidate for packaging: a body, run as it will serve, and what it showed on validation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from modelwright.core.messages import PackageError, Phrase, Problem
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.requirement import Requirement
from modelwright.learners.contract.compression import FormChoice
from modelwright.outcomes.contract.gap import Gap
from modelwright.package.body import Body
from modelwright.package.content import size_bytes, view
from modelwright.package.graph_contents import contents
from modelwright.package.packages import Package
from modelwright.runtime.function import Function
from modelwright.runtime.written_rows import answered
from modelwright.stages.package import accept
from modelwright.stages.package.accept import Figures
from modelwright.stages.package.compare import (
    BATCH_TOLERANCE,
    FEW_TOKENS,
    PARITY_TOLERANCE,
    Answers,
    Columns,
    batch_gap,
    gap,
    outcomes_of,
)

_WARM, _TIMED = 3, 20  # requests
_TIMED_STREAMS = 2  # of a body that answers token by token


@dataclass(frozen=True)
class Candidate:
    """A body and what it showed.

    parity: against the network before export, and batches: None of one that was not looked at so closely, because
    another is preferred or it is refused anyway; found: outcomes of the rows of the trial by output; changed: against
    the exact candidate on the same rows, None of that one; work: what its graph computes for a row, as a share of the
    exact one's; request_s: CPU time of a request of one row, which is shown, decides nothing and is not sealed;
    refused: why it may not be taken; chosen: its forms, none of the exact one.
    """

    name: str
    body: Body
    figures: Figures
    found: Mapping[str, Outcomes] = field(repr=False)
    work: float
    request_s: float
    parity: Gap | None = None
    batches: Gap | None = None
    changed: Gap | None = None
    refused: Phrase | None = None
    chosen: Sequence[FormChoice] = ()

    @cached_property
    def graph_bytes(self) -> int:
        """Return the size of all graphs, with the files in which their tensors lie."""
        graphs, files = self.body.graphs.values(), self.body.files
        found = [contents(view(graph)).external for graph in graphs if files]
        beside = {tensor.location for external in found for tensor in external}
        return sum(map(size_bytes, [*graphs, *(files[name] for name in files if name in beside)]))

    def as_json(self) -> dict[str, Any]:
        """Return what the candidate showed as JSON."""
        return {
            "name": self.name,
            "graph_bytes": self.graph_bytes,
            "work": self.work,
            "parity": None if self.parity is None else self.parity.as_json(),
            "batches": None if self.batches is None else self.batches.as_json(),
            "changed": None if self.changed is None else self.changed.as_json(),
            "validation": self.figures.as_json(),
            "refused": None if self.refused is None else str(self.refused),
        }

    def shown(self, *, taken: bool) -> dict[str, Any]:
        """Return what a reader compares forms by, the time of a request among it, as JSON."""
        return {
            "name": self.name,
            "taken": taken,
            "compress": [one.model_dump(mode="json") for one in self.chosen] or "none",
            "graph_bytes": self.graph_bytes,
            "work": self.work,
            "request_s": self.request_s,
            "main": {output: [m.metric, m.value] for output, m in self.figures.main.items()},
            "changed": None if self.changed is None else self.changed.labels,
            "rows": None if self.changed is None else self.changed.rows,
            "refused": None if self.refused is None else self.refused.to_wire(),
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


def try_out(
    name: str, body: Body, trial: Trial, exact: Candidate | None = None, work: float = 1.0
) -> Candidate:
    """Run a body as it will serve on the rows of estimates, and return what it showed, also beside the exact one."""
    function = Function(Package(body, "", trial.threads))
    signature = body.signature
    inputs = {field.name: trial.rows[field.name] for field in signature.inputs}
    found = outcomes_of(body, trial.rows, answered(function, trial.rows, 0))
    return Candidate(
        name,
        body,
        figures=accept.figures(signature, found, trial.rows, trial.requirements),
        found=found,
        work=work,
        request_s=_request_s(function, inputs),
        changed=None if exact is None else gap(signature, exact.found, found),
    )


def looked_at(candidate: Candidate, trial: Trial) -> Candidate:
    """Return a candidate with what is true or false of its graph: parity, and whether answers depend on their batch."""
    body = candidate.body
    function = Function(Package(body, "", trial.threads))
    given = answered(function, trial.facts, 0)
    network, graph = (outcomes_of(body, trial.facts, one) for one in (trial.network, given))
    return replace(
        candidate,
        parity=gap(body.signature, network, graph),
        batches=batch_gap(function, body, trial.facts),
    )


def _request_s(function: Function, inputs: Columns) -> float:
    """Return the median CPU seconds of a request of one row; the first ones only warm up."""
    took = []
    count = len(next(iter(inputs.values())))
    timed = _TIMED if not function.streams else _TIMED_STREAMS
    for number in range(_WARM + timed):
        row = number * count // (_WARM + timed)
        begun = time.process_time()
        function.infer({name: [column[row]] for name, column in inputs.items()}, 1, FEW_TOKENS)
        took.append(time.process_time() - begun)
    return statistics.median(took[_WARM:])


def require_sound(exact: Candidate) -> None:
    """Raise PackageError for an exported graph that is not the network, or whose answers depend on their batch."""
    assert exact.parity is not None
    assert exact.batches is not None
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
