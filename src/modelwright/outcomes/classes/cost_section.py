"""What answers cost: the costs themselves, other rules beside the one that answers, and other thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.clusters import Groups
from modelwright.core.evidence.measure import measure, measure_difference
from modelwright.core.evidence.measurement import Measurement, Subject
from modelwright.core.messages import Phrase
from modelwright.core.spacing import evenly_spaced
from modelwright.outcomes.classes.error_cost import COST
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract.blocks import Block, Cell, Grid, LineChart, Trace
from modelwright.outcomes.contract.section import headings

POINTS = 80  # of the curve: more than its drawing has room for
MOST_ALWAYS = 4  # classes of which it is said what answering them always would cost
MOST_SHOWN = 12  # classes whose costs are shown as a table


@dataclass(frozen=True)
class CostRule:
    """A way to answer without learning again; always: the one class it answers, None: the likeliest.

    cost: of its answers; dearer: by how much more than those of this package, on the same rows.
    """

    always: str | None
    cost: Measurement
    dearer: Measurement


@dataclass(frozen=True)
class CostFindings:
    """What is sealed of costs: (C, C + 1) as declared, other rules, and of two classes the cost at other thresholds.

    of: the class whose probability the threshold is of; cuts: falling; paid: the mean cost at each; at: the threshold
    and the cost of the answers as they are given, None where no single threshold gives these.
    """

    costs: tuple[tuple[float, ...], ...]
    rules: tuple[CostRule, ...]
    of: str | None = None
    cuts: tuple[float, ...] = ()
    paid: tuple[float, ...] = ()
    at: tuple[float, float] | None = None


def cost_findings(outcomes: ClassOutcomes, confidence: float, groups: Groups | None) -> CostFindings | None:
    """Return what is sealed of costs; None where none are declared, or without rows."""
    if outcomes.costs is None or not len(outcomes):
        return None
    n = len(outcomes)
    # (n,) each: the likeliest class; and one class for all rows, those of most rows first
    answers: list[tuple[str | None, NDArray[np.int64]]] = [
        (None, outcomes.probabilities.argmax(axis=1).astype(np.int64))
    ]
    rows = np.bincount(outcomes.truth[outcomes.truth >= 0], minlength=len(outcomes.classes))
    answers += [
        (outcomes.classes[place], np.full(n, place, dtype=np.int64))
        for place in np.argsort(-rows, kind="stable")[:MOST_ALWAYS].tolist()
    ]
    subject = Subject(COST.name)
    rules = []
    for always, predicted in answers:
        other = replace(outcomes, predicted=predicted, considered=predicted)
        rules.append(
            CostRule(
                always,
                measure(subject, COST, other, confidence, groups),
                measure_difference(subject, COST, other, outcomes, confidence, groups),
            )
        )
    costs = tuple(map(tuple, outcomes.costs.tolist()))
    return _with_curve(CostFindings(costs, tuple(rules)), outcomes)


def _with_curve(found: CostFindings, outcomes: ClassOutcomes) -> CostFindings:
    """Return the findings with the cost at other thresholds, where there are two classes."""
    known = outcomes.take(outcomes.truth >= 0)
    if len(known.classes) != 2 or not len(known):
        return found
    assert known.costs is not None, "costs are declared"
    rows = np.bincount(known.truth, minlength=2)
    # the positive class, else the rarer: that which a threshold is usually of
    place = known.classes.index(known.positive) if known.positive else (0 if rows[0] < rows[1] else 1)
    score = known.probabilities[:, place]
    order = np.argsort(-score, kind="stable")
    # (n,): what each row costs where it is answered with the class, and where with the other
    taken, left = known.costs[known.truth, place][order], known.costs[known.truth, 1 - place][order]
    # (n + 1,): the k likeliest rows are answered with the class, the others are not
    paid = (np.append(0.0, np.cumsum(taken)) + np.append(left.sum(), left.sum() - np.cumsum(left))) / len(
        known
    )
    ordered = score[order]
    cuts = np.append(1.0, ordered)
    # a cut lies between different probabilities alone: equal ones are answered alike
    ends = np.append(0, 1 + np.flatnonzero(np.append(ordered[1:] < ordered[:-1], True)))
    ends = ends[evenly_spaced(len(ends), POINTS)]
    answered = known.predicted == place
    split = answered.any() and (~answered).any() and score[answered].min() >= score[~answered].max()
    whole = bool((known.predicted >= 0).all())
    at = (float(score[answered].min()), float(known.row_costs().mean())) if split and whole else None
    return replace(
        found,
        of=known.classes[place],
        cuts=tuple(np.round(cuts[ends], 5).tolist()),
        paid=tuple(np.round(paid[ends], 5).tolist()),
        at=at,
    )


def drawn_costs(found: CostFindings, classes: tuple[str, ...], cost: Measurement | None) -> Iterator[Block]:
    """Yield the blocks of the report: other rules, the curve, the declared costs."""
    yield rules_grid(found, cost)
    if found.cuts:
        top = max(found.paid) or 1.0
        yield LineChart(
            str(Phrase("section.cost-curve", label=found.of)),
            (Trace("", found.cuts, found.paid, found.at),),
            across=str(Phrase("section.thresholds-across", label=found.of)),
            up=str(Phrase("section.cost-up")),
            note=str(Phrase("section.cost-curve-note")),
            top=top,
        )
    if len(classes) <= MOST_SHOWN:
        yield costs_grid(found, classes)


def rules_grid(found: CostFindings, cost: Measurement | None) -> Grid:
    """Return the table of this package and other rules, with what each costs a row."""
    rows: list[tuple[Cell, ...]] = [(str(Phrase("section.cost-of-package")), cost, None)]
    for one in found.rules:
        name = Phrase("section.cost-of-rule", label=one.always)
        rows.append((str(name), one.cost, one.dearer))
    names = headings("rule", "cost a row", "more than this package")
    return Grid(str(Phrase("section.cost-rules")), names, tuple(rows), str(Phrase("section.cost-rules-note")))


def costs_grid(found: CostFindings, classes: tuple[str, ...]) -> Grid:
    """Return the table of the declared costs: truths by answers."""
    withheld = any(row[-1] != max(row[:-1]) for row in found.costs)
    width = len(classes) + withheld
    names = (*classes, *([str(Phrase("section.abstained"))] if withheld else []))
    rows: list[tuple[Cell, ...]] = [
        (name, *(f"{cost:g}" for cost in row[:width])) for name, row in zip(classes, found.costs, strict=True)
    ]
    title = str(Phrase("section.costs"))
    return Grid(
        title,
        (*headings("truth"), *(str(Phrase("section.answered", label=one)) for one in names)),
        tuple(rows),
    )
