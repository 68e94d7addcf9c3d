"""What other operating points would give: the threshold curve, ROC and precision-recall of a class, and coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase
from modelwright.core.spacing import evenly_spaced
from modelwright.outcomes.classes.class_table import right_rows
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract.blocks import Block, LineChart, Trace
from modelwright.outcomes.contract.section import headings

POINTS = 80  # of a curve: more than its drawing has room for

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassCurve:
    """How a class is found as the probability falls from which it is answered; arrays of one length.

    cuts: probabilities, falling; recall, precision, false_alarms: of its rows those found, of its answers those
    right, of the other rows those taken for it; at: recall, precision (None: never answered) and false alarms of
    the answers as they are given; rows: of the class, others: all other rows with a known truth.
    """

    of: str
    cuts: tuple[float, ...]
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    false_alarms: tuple[float, ...]
    at: tuple[float, float | None, float]
    rows: int
    others: int


@dataclass(frozen=True)
class CoverageCurve:
    """How many answers are right where only the surer rows are answered; at: coverage and that share as given."""

    coverage: tuple[float, ...]
    right: tuple[float, ...]
    at: tuple[float, float | None]


def class_curves(outcomes: ClassOutcomes) -> tuple[ClassCurve, ...]:
    """Return the curve of the class that two are about: the positive one, else the rarer; none of more classes."""
    known = outcomes.take(outcomes.truth >= 0)
    if len(known.classes) != 2 or len(np.unique(known.truth)) != 2:
        return ()
    rows = np.bincount(known.truth, minlength=2)
    # of classes with equally many rows the second, so that every run shows the same
    place = known.classes.index(known.positive) if known.positive else (0 if rows[0] < rows[1] else 1)
    # (n,) each: the probability of the class, and whether the row is of it
    score, is_of = known.probabilities[:, place], known.truth == place
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    # (n,): rows of the class, and others, with a probability at least as high
    found, wrong = np.cumsum(is_of[order]), np.cumsum(~is_of[order])
    # a cut lies between different probabilities alone: equal ones are answered alike
    ends = np.flatnonzero(np.append(ordered[1:] < ordered[:-1], True))
    # (≤ POINTS,): evenly spaced, so that both ends are kept
    ends = ends[evenly_spaced(len(ends), POINTS)]
    # (n,): rows that are answered with the class, at the point as it is
    answered = known.predicted == place
    hits, alarms = int((answered & is_of).sum()), int((answered & ~is_of).sum())
    total, others = int(is_of.sum()), int((~is_of).sum())
    return (
        ClassCurve(
            known.classes[place],
            cuts=_listed(ordered[ends]),
            recall=_listed(found[ends] / total),
            precision=_listed(found[ends] / (found[ends] + wrong[ends])),
            false_alarms=_listed(wrong[ends] / others),
            at=(hits / total, hits / (hits + alarms) if hits + alarms else None, alarms / others),
            rows=total,
            others=others,
        ),
    )


def coverage_curve(outcomes: ClassOutcomes) -> CoverageCurve | None:
    """Return the curve over all rows with a known truth, surest answers first; None without such rows.

    An answer that was withheld counts as the one that was considered.
    """
    known = outcomes.take(outcomes.truth >= 0)
    if not len(known):
        return None
    considered = known.considered if known.considered is not None else known.probabilities.argmax(axis=1)
    # (n,): the surest first; of equally sure ones the earlier row
    order = np.argsort(-known.confidence, kind="stable")
    # (n,): of the k surest rows, the share that is right
    right = np.cumsum((considered == known.truth)[order]) / np.arange(1, len(known) + 1)
    ends = evenly_spaced(len(known), POINTS)
    answered = known.predicted >= 0
    share = float(right_rows(known)[answered].mean()) if answered.any() else None
    return CoverageCurve(
        _listed((ends + 1) / len(known)), _listed(right[ends]), (float(answered.mean()), share)
    )


def _listed(values: Floats) -> tuple[float, ...]:
    return tuple(np.round(values, 5).tolist())


def drawn(curves: tuple[ClassCurve, ...], coverage: CoverageCurve | None) -> list[Block]:
    """Return the charts; the dot is where the function answers."""
    found: list[Block] = []
    recall_name, precision_name = headings("recall", "precision")
    for one in curves:
        recall, precision, alarms = one.at
        at = None if precision is None else (recall, precision)
        found.append(
            LineChart(
                str(Phrase("section.thresholds", label=one.of)),
                (Trace(recall_name, one.cuts, one.recall), Trace(precision_name, one.cuts, one.precision)),
                across=str(Phrase("section.thresholds-across", label=one.of)),
                up=str(Phrase("section.share")),
                note="",
            )
        )
        found.append(
            LineChart(
                str(Phrase("section.precision-recall")),
                (Trace("", one.recall, one.precision, at),),
                across=recall_name,
                up=precision_name,
                note="",
            )
        )
        found.append(
            LineChart(
                str(Phrase("section.roc")),
                (Trace("", (0.0, *one.false_alarms), (0.0, *one.recall), (alarms, recall)),),
                across=str(Phrase("section.roc-across")),
                up=recall_name,
                note=str(Phrase("section.roc-note", rows=one.rows, label=one.of, others=one.others)),
                diagonal=True,
            )
        )
    if coverage is not None and len(coverage.coverage) > 1:
        share = coverage.at[1]
        found.append(
            LineChart(
                str(Phrase("section.coverage")),
                (
                    Trace(
                        "",
                        coverage.coverage,
                        coverage.right,
                        None if share is None else (coverage.at[0], share),
                    ),
                ),
                across=str(Phrase("section.coverage-across")),
                up=str(Phrase("section.coverage-up")),
                note=str(Phrase("section.coverage-note")),
            )
        )
    return found
