"""What is worth a look in the outcomes: confusions, mistakes, how far confidence can be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import outcomes as families
from modelwright.core.evidence.intervals import proportion
from modelwright.core.evidence.measurement import Measurement
from modelwright.outcomes.classes.outcomes import ClassOutcomes
from modelwright.outcomes.numbers.outcomes import NumberOutcomes
from modelwright.reports.charts import SCATTER_POINTS
from modelwright.storage.formats.evidence import (
    Baseline,
    ClassDetails,
    Confidence,
    Details,
    Mistake,
    NumberDetails,
)

BINS = 10
SHOWN_CHARACTERS = 300  # of one input of a mistake
FEW_ROWS = 30  # test rows of a class: even 30 of 30 right leave a recall of 0.91 possible
NAMED = 8  # classes that one sentence names

Columns = Mapping[str, Sequence[Any]]


def of_classes(
    name: str,
    outcomes: ClassOutcomes,
    train: Sequence[Any],
    ids: Sequence[str],
    inputs: Columns,
    truths: Sequence[Any],
    *,
    confidence: float,
    mistakes: int,
) -> ClassDetails:
    """Return what the report draws of an output with classes; `train` are the training split's values."""
    counts = Counter(str(value).lower() if isinstance(value, bool) else value for value in train)
    known = outcomes.truth >= 0
    return ClassDetails(
        output=name,
        classes=outcomes.classes,
        train_rows=tuple(counts[c] for c in outcomes.classes),
        test_rows=tuple(np.bincount(outcomes.truth[known], minlength=len(outcomes.classes)).tolist()),
        confusion=confusion(outcomes),
        reliability=reliability(outcomes, confidence),
        mistakes=_confident_mistakes(outcomes, ids, inputs, truths, mistakes),
        unknown=sum(value is not None for value, k in zip(truths, known.tolist(), strict=True) if not k),
    )


def confusion(outcomes: ClassOutcomes) -> tuple[tuple[int, int, int], ...]:
    """Return (truth, answer, count) for every pair that occurs; an abstention is answer len(classes)."""
    known = outcomes.truth >= 0
    answers = np.where(outcomes.predicted < 0, len(outcomes.classes), outcomes.predicted)[known]
    pairs = Counter(zip(outcomes.truth[known].tolist(), answers.tolist(), strict=True))
    return tuple((truth, answer, count) for (truth, answer), count in sorted(pairs.items()))


def reliability(outcomes: ClassOutcomes, confidence: float) -> tuple[Confidence, ...]:
    """Return how often answers were right, in up to ten groups of equally many answers of similar confidence.

    Groups of equal size (Nixon et al. 2019, Measuring Calibration in Deep Learning, section 3) keep every
    interval about equally wide, where equal steps of confidence would leave most groups nearly empty.
    """
    answered = (outcomes.truth >= 0) & (outcomes.predicted >= 0)
    if not answered.any():
        return ()
    sure = outcomes.probabilities[answered].max(axis=1)
    right = outcomes.predicted[answered] == outcomes.truth[answered]
    order = np.argsort(sure, kind="stable")
    found = []
    for rows in np.array_split(order, min(BINS, len(order))):
        low, high = proportion(int(right[rows].sum()), len(rows), confidence)
        found.append(
            Confidence(
                float(sure[rows].mean()), float(right[rows].mean()), float(low), float(high), len(rows)
            )
        )
    return tuple(found)


def of_numbers(
    name: str,
    outcomes: NumberOutcomes,
    ids: Sequence[str],
    inputs: Columns,
    *,
    mistakes: int,
) -> NumberDetails:
    """Return what the report draws of a numeric output: evenly spaced rows, and those farthest off."""
    known = np.flatnonzero(np.isfinite(outcomes.truth) & np.isfinite(outcomes.predicted))
    some = known[np.linspace(0, len(known) - 1, min(len(known), SCATTER_POINTS)).astype(np.int64)]
    off = np.abs(outcomes.truth[known] - outcomes.predicted[known])
    worst = known[np.argsort(-off, kind="stable")[:mistakes]]
    return NumberDetails(
        output=name,
        truth=tuple(outcomes.truth[some].tolist()),
        predicted=tuple(outcomes.predicted[some].tolist()),
        mistakes=tuple(
            Mistake(
                ids[row], shown(inputs, row), f"{outcomes.truth[row]:g}", f"{outcomes.predicted[row]:g}", None
            )
            for row in worst.tolist()
        ),
    )


def _confident_mistakes(
    outcomes: ClassOutcomes, ids: Sequence[str], inputs: Columns, truths: Sequence[Any], most: int
) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero((outcomes.predicted >= 0) & (outcomes.predicted != outcomes.truth))
    wrong = np.array([row for row in wrong.tolist() if truths[row] is not None], dtype=np.int64)
    sure: NDArray[np.float64] = outcomes.probabilities.max(axis=1) if len(outcomes) else np.zeros(0)
    first = wrong[np.argsort(-sure[wrong], kind="stable")[:most]]
    return tuple(
        Mistake(
            id=ids[row],
            inputs=shown(inputs, row),
            truth=_word(truths[row]),
            answer=outcomes.classes[outcomes.predicted[row]],
            confidence=float(sure[row]),
        )
        for row in first.tolist()
    )


def shown(inputs: Columns, row: int) -> dict[str, str]:
    """Return a row's inputs as short text by name; an empty text stands for a missing value."""
    found = {}
    for name, column in inputs.items():
        text = "" if column[row] is None else _word(column[row])
        found[name] = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _against_baselines(shown: Sequence[Measurement], simple: Sequence[Baseline]) -> Iterator[str]:
    """Yield a sentence for each baseline that this package does not beat."""
    mine = {m.subject: m for m in shown}
    for baseline in simple:
        for theirs in baseline.measurements[:1]:  # the output's main metric
            ours = mine[theirs.subject]
            if ours.value is None or theirs.value is None:
                continue
            lower = families.metrics().any(theirs.subject.metric).better == "lower"
            if ours.value < theirs.value if lower else ours.value > theirs.value:
                continue
            ends = (theirs.high, ours.low) if lower else (ours.high, theirs.low)
            apart = ends[0] is not None and ends[1] is not None and ends[0] < ends[1]
            does = "does better than" if apart else "does as well as"
            yield (
                f"A simple baseline ({baseline.name}) {does} this package: {theirs.subject} "
                f"{theirs.value:.4g} against {ours.value:.4g}."
            )


def warnings(
    details: Details,
    shown: Sequence[Measurement],
    simple: Sequence[Baseline],
    about_champion: str | None,
) -> Iterator[str]:
    """Yield what a reader should know before believing the figures."""
    if about_champion is not None:
        yield about_champion
    yield from _against_baselines(shown, simple)
    for output in details.classes:
        few = [name for name, n in zip(output.classes, output.test_rows, strict=True) if n < FEW_ROWS]
        if few:
            more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
            yield (
                f"{len(few)} of {len(output.classes)} classes of {output.output} have fewer than {FEW_ROWS} test "
                f"rows, and rough figures, as their intervals show: {', '.join(few[:NAMED])}{more}."
            )
        if output.unknown:
            yield (
                f"{output.unknown} test rows have a true class of {output.output} that training never showed; "
                "every answer to them is wrong."
            )
