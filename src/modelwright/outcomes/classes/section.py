"""What a report shows of outputs with classes: recalls, confusions, confidence and mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from modelwright.core.evidence import clusters
from modelwright.core.evidence.intervals import proportion
from modelwright.core.evidence.measurement import Measurement
from modelwright.core.json_types import JsonObject
from modelwright.core.messages import Notice, Phrase
from modelwright.outcomes.classes.cost_section import (
    MOST_SHOWN,
    CostFindings,
    cost_findings,
    costs_grid,
    drawn_costs,
    rules_grid,
)
from modelwright.outcomes.classes.curves import (
    ClassCurve,
    CoverageCurve,
    class_curves,
    coverage_curve,
    drawn,
)
from modelwright.outcomes.classes.error_cost import COST
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.contract.blocks import (
    Bars,
    Block,
    Cell,
    Curve,
    CurvePoint,
    Grid,
    Matrix,
    Mistake,
    Mistakes,
)
from modelwright.outcomes.contract.section import (
    Drawn,
    Section,
    TestRows,
    by_label,
    few_rows,
    headings,
    lowest_first,
)

GROUPS = 10  # of answers by confidence
SHOWN_BARS = 25  # classes drawn; the table below them holds all
SHOWN_PAIRS = 15
SHOWN_IN_CARD = 10
MATRIX_CLASSES = 80  # a confusion matrix of more cannot be read
METRICS = ("precision", "recall", "f1", "auc", "average_precision")


@dataclass(frozen=True)
class ClassFindings:
    """What is sealed of an output with classes.

    `confusion` holds (truth, answer, count) by position in `classes`; an answer of len(classes) is an abstention.
    `train_rows`, `test_rows` count the rows of each class; `unknown` those of a class that training never showed;
    `curves`, `coverage` (which earlier versions did not seal): what other operating points would give; `priced`: what
    answers cost, where errors have costs.
    """

    classes: tuple[str, ...]
    train_rows: tuple[int, ...]
    test_rows: tuple[int, ...]
    confusion: tuple[tuple[int, int, int], ...]
    reliability: tuple[CurvePoint, ...]
    mistakes: tuple[Mistake, ...]
    unknown: int
    curves: tuple[ClassCurve, ...] = ()
    coverage: CoverageCurve | None = None
    priced: CostFindings | None = None


_SEALED = TypeAdapter(ClassFindings)


@final
class ClassSection(Section[ClassOutcomes]):
    """Recalls of all classes, the confusion matrix, the reliability curve, the most confident mistakes."""

    def findings(
        self, outcomes: ClassOutcomes, rows: TestRows, *, confidence: float, most_mistakes: int
    ) -> JsonObject:
        """Return the findings of n test rows."""
        known = outcomes.truth >= 0
        found: JsonObject = _SEALED.dump_python(
            ClassFindings(
                classes=outcomes.classes,
                train_rows=tuple(rows.train_labels.get(name, 0) for name in outcomes.classes),
                test_rows=tuple(np.bincount(outcomes.truth[known], minlength=len(outcomes.classes)).tolist()),
                confusion=confusion(outcomes),
                reliability=reliability(outcomes, confidence, rows.groups),
                mistakes=_mistakes(outcomes, rows, most_mistakes),
                unknown=sum(rows.truth(row) is not None for row in np.flatnonzero(~known).tolist()),
                curves=class_curves(outcomes),
                coverage=coverage_curve(outcomes),
                priced=cost_findings(outcomes, confidence, rows.groups),
            ),
            mode="json",
        )
        return found

    def draw(self, output: str, findings: JsonObject, measured: Sequence[Measurement]) -> Drawn:
        """Return the section."""
        found = _SEALED.validate_python(findings)
        cost = next((m for m in measured if m.subject.metric == COST.name and not m.subject.where), None)
        blocks: list[Block] = (
            [] if found.priced is None else [*drawn_costs(found.priced, found.classes, cost)]
        )
        blocks += _bars(found, measured)
        if found.confusion:
            blocks.append(_matrix(found))
        if found.reliability:
            error = [m for m in measured if m.subject.metric == "calibration_error" and not m.subject.where]
            blocks.append(_curve(found, error[0] if error else None))
        blocks += drawn(found.curves, found.coverage)
        if found.mistakes:
            blocks.append(Mistakes(str(Phrase("section.mistakes")), found.mistakes, sure=True))
        return Drawn(
            _lead(found),
            tuple(blocks),
            str(Phrase("section.classes", count=len(found.classes))),
            (*_priced(found, cost), *_worst(found, measured), *_calibration(found)),
            beyond=str(Phrase("section.classes-beyond")),
        )

    def notices(self, output: str, findings: JsonObject) -> Iterator[Notice]:
        """Yield classes with few test rows, and rows of classes that training never showed."""
        found = _SEALED.validate_python(findings)
        yield from few_rows(output, found.classes, found.test_rows)
        if found.unknown:
            yield Notice("evaluate.unknown-classes", column=output, count=found.unknown)


# -- findings ----------------------------------------------------------------------------------------------


def confusion(outcomes: ClassOutcomes) -> tuple[tuple[int, int, int], ...]:
    """Return (truth, answer, count) for every pair that occurs; an abstention is answer len(classes)."""
    known = outcomes.truth >= 0
    # (known,): an abstention (−1) gets a column of its own, after those of the classes
    answers = np.where(outcomes.predicted < 0, len(outcomes.classes), outcomes.predicted)[known]
    pairs = Counter(zip(outcomes.truth[known].tolist(), answers.tolist(), strict=True))
    return tuple((truth, answer, count) for (truth, answer), count in sorted(pairs.items()))


def reliability(
    outcomes: ClassOutcomes, confidence: float, groups: clusters.Groups | None = None
) -> tuple[CurvePoint, ...]:
    """Return how often answers were right, in up to ten groups of equally many answers of similar confidence.

    groups: (n,), which rows are not independent of each other, as in `measure`.

    Groups of equal size (Nixon et al. 2019, Measuring Calibration in Deep Learning, section 3) keep every
    interval about equally wide, where equal steps of confidence would leave most groups nearly empty.
    """
    answered = (outcomes.truth >= 0) & (outcomes.predicted >= 0)
    if not answered.any():
        return ()
    # (answered,) each: the probability of the answer, and whether it is the truth
    sure = outcomes.confidence[answered]
    right = outcomes.predicted[answered] == outcomes.truth[answered]
    order = np.argsort(sure, kind="stable")
    found = []
    for rows in np.array_split(order, min(GROUPS, len(order))):
        # exact, since a group without a mistake is common, and a normal interval would have no width there
        low, high = proportion(int(right[rows].sum()), len(rows), confidence)
        if groups is not None:
            low, high = clusters.share_bounds(right[rows], groups[answered][rows], confidence)
        point = (float(sure[rows].mean()), float(right[rows].mean()), float(low), float(high))
        found.append(CurvePoint(*point, len(rows)))
    return tuple(found)


def _mistakes(outcomes: ClassOutcomes, rows: TestRows, most: int) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero((outcomes.predicted >= 0) & (outcomes.predicted != outcomes.truth))
    wrong = np.array([row for row in wrong.tolist() if rows.truth(row) is not None], dtype=np.int64)
    sure: NDArray[np.float64] = outcomes.confidence if len(outcomes) else np.zeros(0)
    # the surest first; of equally sure ones the earlier row, so that every run shows the same
    first = wrong[np.argsort(-sure[wrong], kind="stable")[:most]]
    return tuple(
        rows.mistake(row, outcomes.classes[outcomes.predicted[row]], float(sure[row]))
        for row in first.tolist()
    )


# -- the drawing -------------------------------------------------------------------------------------------


def _lead(found: ClassFindings) -> str:
    return str(
        Phrase(
            "section.classes-lead",
            count=len(found.classes),
            rows=sum(found.test_rows),
            unknown=found.unknown or None,
        )
    )


def _bars(found: ClassFindings, measured: Sequence[Measurement]) -> Iterator[Bars]:
    """Yield the drawn bars (lowest recall first) with the table of all classes."""
    of, recalls = by_label(measured), lowest_first(measured, "recall")
    if not recalls:
        return
    few = recalls[:SHOWN_BARS]
    whole = len(few) == len(recalls)
    named = [name for name in METRICS if any(name in one for one in of.values())]
    rows: list[tuple[Cell, ...]] = [
        (name, *(of.get(name, {}).get(metric) for metric in named), test, train)
        for name, test, train in zip(found.classes, found.test_rows, found.train_rows, strict=True)
    ]
    yield Bars(
        str(Phrase("section.class-recall") if whole else Phrase("section.class-recall-few", count=len(few))),
        tuple(few),
        str(Phrase("section.class-recall-note")),
        Grid(
            "",
            headings("class", *named, "test rows", "training rows"),
            tuple(rows),
            folded=str(Phrase("section.all-classes", count=len(found.classes))),
        ),
    )


def _matrix(found: ClassFindings) -> Matrix:
    """Return the confusion matrix; of more than 80 classes, the part with the most mistakes."""
    size = len(found.classes)
    # (C, C + 1): truths by answers, the last column for abstentions
    counts = np.zeros((size, size + 1), dtype=np.int64)
    for truth, answer, n in found.confusion:
        counts[truth, answer] = n
    shown = MATRIX_CLASSES if size > MATRIX_CLASSES else None
    note = str(Phrase("section.confusion-note", shown=shown, count=size))
    keep = np.arange(size)
    if size > MATRIX_CLASSES:
        # (C,): rows of the class answered otherwise, and others answered as it
        wrong = counts.sum(axis=1) + counts[:, :size].sum(axis=0) - 2 * np.diagonal(counts)
        keep = np.sort(np.argsort(-wrong, kind="stable")[:MATRIX_CLASSES])
    columns = np.append(keep, size) if counts[:, size].any() else keep
    names = (*found.classes, str(Phrase("section.abstained")))
    kept = counts[np.ix_(keep, columns)]
    cells = tuple((int(r), int(c), int(kept[r, c])) for r, c in zip(*np.nonzero(kept), strict=True))
    return Matrix(
        str(Phrase("section.confusion")),
        tuple(names[k] for k in keep),
        tuple(names[k] for k in columns),
        cells,
        note,
        _pairs(found, names),
    )


def _pairs(found: ClassFindings, names: Sequence[str]) -> Grid | None:
    """Return the commonest confusions."""
    pairs = sorted((c for c in found.confusion if c[0] != c[1]), key=lambda c: (-c[2], c[0], c[1]))
    rows: list[tuple[Cell, ...]] = [
        (names[truth], names[answer], n, f"{n / max(found.test_rows[truth], 1):.1%}")
        for truth, answer, n in pairs[:SHOWN_PAIRS]
    ]
    return Grid("", headings("truth", "answered as", "rows", "of the class"), tuple(rows)) if rows else None


def _curve(found: ClassFindings, error: Measurement | None) -> Curve:
    note = str(Phrase("section.reliability-note", groups=len(found.reliability)))
    return Curve(str(Phrase("section.reliability")), found.reliability, note, error)


def _priced(found: ClassFindings, cost: Measurement | None) -> Iterator[Grid]:
    """Yield what errors cost and what other rules would, for the card."""
    if found.priced is not None:
        yield rules_grid(found.priced, cost)
        if len(found.classes) <= MOST_SHOWN:
            yield costs_grid(found.priced, found.classes)


def _calibration(found: ClassFindings) -> Iterator[Grid]:
    """Yield how often answers of each confidence were right, for the card."""
    rows: list[tuple[Cell, ...]] = [
        (f"{one.confidence:.3f}", f"{one.accuracy:.3f} [{one.low:.3f}, {one.high:.3f}]", one.n)
        for one in found.reliability
    ]
    if rows:
        title = str(Phrase("section.calibration"))
        yield Grid(title, headings("mean confidence", "right", "rows"), tuple(rows))


def _worst(found: ClassFindings, measured: Sequence[Measurement]) -> tuple[Grid, ...]:
    places = {name: place for place, name in enumerate(found.classes)}
    lowest = [(name, m) for name, m in lowest_first(measured, "recall") if name in places][:SHOWN_IN_CARD]
    rows: list[tuple[Cell, ...]] = [
        (name, m, found.test_rows[places[name]], found.train_rows[places[name]]) for name, m in lowest
    ]
    names = headings("class", "recall", "test rows", "training rows")
    return (Grid(str(Phrase("section.lowest-recall")), names, tuple(rows)),) if rows else ()
