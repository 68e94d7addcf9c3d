"""When a compressed graph may take the place of the exact one. Reads validation, never the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelwright import outcomes
from modelwright.core.evidence.measure import measure
from modelwright.core.evidence.measurement import Phase, Subject
from modelwright.core.messages import Phrase
from modelwright.core.outcomes import Outcomes
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.kinds.outputs import outputs
from modelwright.kinds.slicing import slice_rows
from modelwright.outcomes.contract.gap import BodyGap

CONFIDENCE = 0.95  # of intervals that nothing here reads; only values are compared
RULE = (
    "The compressed graph is taken when, on validation, every requirement on test rows that the exact graph "
    "keeps is kept by it too, the main metric of no output gets worse by more than its family allows, its "
    "answers do not depend on their batch, and it is smaller."
)


@dataclass(frozen=True)
class Main:
    """The main metric of an output: its value on validation, and the value beyond which it has got worse."""

    metric: str
    value: float
    limit: float
    higher: bool


@dataclass(frozen=True)
class Figures:
    """What a graph shows on validation.

    `main` holds the main metric by output, of those that have rows to measure it on; `required` holds the value
    of each requirement's subject by its text, None where validation has no row for it; `kept` holds the texts
    of those whose bar that value keeps.
    """

    main: Mapping[str, Main]
    required: Mapping[str, float | None]
    kept: frozenset[str]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON."""
        return {
            "main": {output: {"metric": m.metric, "value": m.value} for output, m in self.main.items()},
            "required": dict(self.required),
            "kept": sorted(self.kept),
        }


def figures(
    signature: Signature,
    found: Mapping[str, Outcomes],
    columns: Mapping[str, Sequence[Any]],
    requirements: Sequence[Requirement],
) -> Figures:
    """Return what outcomes by output show; `columns` are those that a slice may name.

    Bars that refer to the champion are left out: a choice between two graphs does not concern it.
    """
    required: dict[str, float | None] = {}
    kept = set()
    for requirement in requirements:
        subject = requirement.subject
        if requirement.bar.champion or Phase.TEST not in requirement.metric.phases or subject.output is None:
            continue
        rows = found[subject.output]
        if subject.where is not None:
            rows = rows.take(slice_rows(subject.where, signature, columns).inside)
        value = measure(subject, requirement.metric, rows, CONFIDENCE).value
        required[str(requirement)] = value
        if requirement.keeps(value):
            kept.add(str(requirement))
    return Figures(_main(signature, found), required, frozenset(kept))


def objection(exact: Figures, compressed: Figures) -> Phrase | None:
    """Return why the compressed graph may not take the exact one's place, or None."""
    if lost := sorted(exact.kept - compressed.kept):
        value = compressed.required[lost[0]]
        shown = None if value is None else f"{value:.4g}"
        return Phrase("package.loses-requirement", requirement=lost[0], value=shown)
    for output, before in exact.main.items():
        after = compressed.main[output].value
        if after < before.limit if before.higher else after > before.limit:
            return Phrase(
                "package.loses-metric",
                metric=before.metric,
                output=output,
                before=f"{before.value:.4g}",
                after=f"{after:.4g}",
            )
    return None


def _main(signature: Signature, found: Mapping[str, Outcomes]) -> dict[str, Main]:
    """Return the main metric of each output that has rows to measure it on."""
    shown = {}
    for output in outputs(signature):
        compare = outcomes.facet(output.family, BodyGap)
        priced = found[output.name].priced
        name = compare.stands_for_all(priced=priced)
        metric = outcomes.metrics().of(name, output.family)
        assert metric is not None, f"{output.family} has no metric {name}"
        value = measure(Subject(metric.name, output.name), metric, found[output.name], CONFIDENCE).value
        if value is None:
            continue
        lost = compare.most_lost * (value if compare.relative or priced else 1.0)
        higher = metric.better == "higher"
        shown[output.name] = Main(metric.name, value, value - lost if higher else value + lost, higher)
    return shown
