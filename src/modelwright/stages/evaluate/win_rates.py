"""What people said of answers beside those of another version: points of each row, and what a report shows of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelwright.core.evidence.agreement import agreement
from modelwright.core.messages import Notice
from modelwright.core.outcomes import Outcomes
from modelwright.outcomes.contract.blocks import TextPair
from modelwright.outcomes.contract.section import TestRows
from modelwright.outcomes.text_words import marked
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.stages.evaluate.findings import rows_of_output
from modelwright.storage.formats.evidence import Details, JudgedAnswers, JudgesBeside, OutputDetails
from modelwright.storage.formats.judgements import Judgement, Versus

SHOWN_CHARACTERS = 2_000  # of a text
EVEN = 0.5  # points of a tie


@dataclass(frozen=True)
class RowVerdicts:
    """The verdicts that count, by the place of their row; skipped, gone, changed: see `JudgedAnswers`."""

    by_row: Mapping[int, Sequence[Judgement]]
    skipped: int
    gone: int
    changed: int


def row_verdicts(versus: Versus, ids: Sequence[str], answered: AnsweredRows) -> RowVerdicts:
    """Return what was said of n answers, by their rows' ids."""
    texts = answered.outcomes[versus.output].columns()["answer"]  # (n,), None where none was written
    places = {row: place for place, row in enumerate(ids)}
    found: dict[int, list[Judgement]] = {}
    skipped, gone, changed = set(), set(), 0
    for one in versus.judgements:
        place = places.get(one.row)
        if place is None:
            gone.add(one.row)
        elif not one.counts:
            skipped.add(one.row)
        elif one.answer != texts[place]:
            changed += 1
        else:
            found.setdefault(place, []).append(one)
    return RowVerdicts(found, len(skipped), len(gone), changed)


def points(verdicts: RowVerdicts, count: int) -> NDArray[np.float64]:
    """Return the points of n rows, (n,): the mean of a row's judges, NaN where nobody said anything."""
    rows = np.full(count, np.nan)
    for place, every in verdicts.by_row.items():
        rows[place] = float(np.mean([one.points for one in every]))
    return rows


def beside_verdicts(answered: AnsweredRows, versus: Versus, verdicts: RowVerdicts) -> AnsweredRows:
    """Return the outcomes with what people said of them."""
    found: dict[str, Outcomes] = dict(answered.outcomes)
    found[versus.output] = found[versus.output].preferred(points(verdicts, len(answered)))
    return replace(answered, outcomes=found)


def with_judged(
    details: Details,
    versus: Versus,
    verdicts: RowVerdicts,
    answered: AnsweredRows,
    ids: Sequence[str],
    confidence: float,
    most_pairs: int,
) -> Details:
    """Return what the report shows with what people said; most_pairs: of texts side by side."""
    field = next(one for one in answered.signature.outputs if one.name == versus.output)
    rows = rows_of_output(answered.signature, field, answered.columns, ids, ())
    found = _judged(versus, verdicts, rows, confidence=confidence, most_pairs=most_pairs)
    outputs = (replace(one, judged=found) if one.output == versus.output else one for one in details.outputs)
    return replace(details, outputs=tuple(outputs))


def _judged(
    versus: Versus, verdicts: RowVerdicts, rows: TestRows, *, confidence: float, most_pairs: int
) -> JudgedAnswers | None:
    """Return what the report shows, None where nothing was said; most_pairs: of texts side by side."""
    if not versus.judgements:
        return None
    means = {place: float(np.mean([one.points for one in every])) for place, every in verdicts.by_row.items()}
    by_people = [one for every in verdicts.by_row.values() for one in every if one.first is not None]
    # those that were lost first, for they say what is wrong; of equal ones in the order of the rows
    apart = sorted((mean, place) for place, mean in means.items() if mean != EVEN)
    return JudgedAnswers(
        against=versus.named,
        judges=dict(sorted(Counter(one.judge for one in by_people).items())),
        better=sum(mean > EVEN for mean in means.values()),
        tied=sum(mean == EVEN for mean in means.values()),
        worse=sum(mean < EVEN for mean in means.values()),
        equal=sum(all(one.first is None for one in every) for every in verdicts.by_row.values()),
        skipped=verdicts.skipped,
        gone=verdicts.gone,
        changed=verdicts.changed,
        agreements=tuple(_agreements(by_people, confidence)),
        pairs=tuple(
            _pair(rows, place, verdicts.by_row[place][0], mean) for mean, place in apart[:most_pairs]
        ),
    )


def notices(versus: Versus | None, details: Sequence[OutputDetails]) -> Iterator[Notice]:
    """Yield that a bar asks for verdicts and there are none, and which verdicts count for nothing."""
    if versus is None:
        return
    found = next(one.judged for one in details if one.output == versus.output)
    if versus.wanted and (found is None or not found.better + found.tied + found.worse):
        yield Notice("evaluate.no-verdicts", column=versus.output, against=versus.named)
    if found is not None and found.gone:
        yield Notice("evaluate.verdicts-gone", column=versus.output, count=found.gone)
    if found is not None and found.changed:
        yield Notice("evaluate.verdicts-changed", column=versus.output, count=found.changed)


def _agreements(by_people: Sequence[Judgement], confidence: float) -> Iterator[JudgesBeside]:
    """Yield how far each two judges agree who were asked of the same rows."""
    by_judge: dict[str, dict[str, str]] = {}
    for one in by_people:
        by_judge.setdefault(one.judge, {})[one.row] = one.verdict
    for first, second in itertools.combinations(sorted(by_judge), 2):
        rows = [row for row in by_judge[first] if row in by_judge[second]]
        mine, theirs = ([by_judge[judge][row] for row in rows] for judge in (first, second))
        found = agreement(mine, theirs, confidence)
        if found is not None:
            yield JudgesBeside((first, second), found)


def _pair(rows: TestRows, place: int, one: Judgement, mean: float) -> TextPair:
    other, answer = marked(one.other[:SHOWN_CHARACTERS], one.answer[:SHOWN_CHARACTERS])
    return TextPair(rows.ids[place], rows.inputs(place), other, answer, mean, rows.pictures(place))
