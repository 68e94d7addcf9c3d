"""What people, and a function that judges, said of answers beside those of another version: points of each row."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.evidence.agreement import agreement
from modelwright.core.evidence.clusters import Groups
from modelwright.core.messages import Notice, PackageError
from modelwright.learners.session.used_function import UsedFunction
from modelwright.outcomes.contract.blocks import TextPair
from modelwright.outcomes.contract.section import TestRows
from modelwright.outcomes.text_words import laid_out, marked
from modelwright.package import packages
from modelwright.stages.evaluate import answers, judge_function
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.stages.evaluate.findings import rows_of_output
from modelwright.stages.evaluate.judge_function import FunctionVerdicts
from modelwright.storage.formats.evidence import (
    Details,
    JudgedAnswers,
    JudgedByFunction,
    JudgesBeside,
    OutputDetails,
)
from modelwright.storage.formats.judgements import CHAMPION, EVEN, Judgement, Versus

SHOWN_CHARACTERS = 2_000  # of a text
OFTEN_APART = 0.2  # of the rows that a function was shown in both orders


@dataclass(frozen=True)
class RowVerdicts:
    """The verdicts of people that count, by the place of their row; skipped, gone, changed: see `JudgedAnswers`."""

    by_row: Mapping[int, Sequence[Judgement]]
    skipped: int
    gone: int
    changed: int


@dataclass(frozen=True)
class Compared:
    """What was said of a package's answers. theirs: what the other package answered, where a judge was shown it.

    why: why a function that judges has said nothing.
    """

    versus: Versus
    verdicts: RowVerdicts
    judge: UsedFunction | None = None
    function: FunctionVerdicts | None = None
    theirs: AnsweredRows | None = None
    why: Notice | None = None


def compared(
    versus: Versus | None,
    judge: UsedFunction | None,
    answered: AnsweredRows,
    ids: Sequence[str],
    written: int,
) -> Compared | None:
    """Return what people said of n answers, and what a function says; None where they are held against nothing.

    written: for how many rows the other package writes.
    """
    if versus is None:
        return None
    found = Compared(versus, row_verdicts(versus, ids, answered), judge)
    if judge is None:
        return found
    texts: list[str | None]
    if versus.texts is not None:
        texts = [versus.texts.get(row) for row in ids]
        return replace(found, function=judge_function.verdicts(judge, answered, versus.output, texts))
    assert versus.folder is not None, "it is a package or texts"
    try:
        theirs = answers.answer(packages.read(versus.folder), answered.signature, answered.columns, written)
        texts = theirs.outcomes[versus.output].spoken()
    except (PackageError, KeyError, ValueError) as error:
        why = error.problems[0] if isinstance(error, PackageError) else str(error)
        return replace(found, why=Notice("evaluate.champion-cannot-answer", why=why))
    function = judge_function.verdicts(judge, answered, versus.output, texts)
    return replace(found, function=function, theirs=theirs)


def row_verdicts(versus: Versus, ids: Sequence[str], answered: AnsweredRows) -> RowVerdicts:
    """Return what people said of n answers, by their rows' ids."""
    texts = answered.outcomes[versus.output].spoken()
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


def beside_verdicts(answered: AnsweredRows, found: Compared | None) -> AnsweredRows:
    """Return the outcomes with what was said of them."""
    if found is None:
        return answered
    output = found.versus.output
    judged = answered.outcomes[output].preferred(points(found.verdicts, len(answered)))
    if found.function is not None:
        judged = judged.preferred(found.function.points, by_function=True)
    return replace(answered, outcomes={**answered.outcomes, output: judged})


def with_judged(
    details: Details,
    found: Compared | None,
    answered: AnsweredRows,
    ids: Sequence[str],
    confidence: float,
    most_pairs: int,
) -> Details:
    """Return what the report shows with what was said; most_pairs: of texts side by side."""
    if found is None:
        return details
    output = found.versus.output
    field = next(one for one in answered.signature.outputs if one.name == output)
    rows = rows_of_output(answered.signature, field, answered.columns, ids, ())
    judged = _judged(found, answered, rows, confidence=confidence, most_pairs=most_pairs)
    outputs = (replace(one, judged=judged) if one.output == output else one for one in details.outputs)
    return replace(details, outputs=tuple(outputs))


def _judged(
    found: Compared, answered: AnsweredRows, rows: TestRows, *, confidence: float, most_pairs: int
) -> JudgedAnswers | None:
    """Return what the report shows, None where nothing was said."""
    verdicts, function = found.verdicts, found.function
    if not found.versus.judgements and function is None:
        return None
    means = {place: float(np.mean([one.points for one in every])) for place, every in verdicts.by_row.items()}
    by_people = [one for every in verdicts.by_row.values() for one in every if one.first is not None]
    summary = None
    if function is not None and found.judge is not None:
        people = points(verdicts, len(rows.ids))
        summary = judge_function.summary(found.judge, function, people, confidence, answered.groups)
    return JudgedAnswers(
        against=found.versus.named,
        judges=dict(sorted(Counter(one.judge for one in by_people).items())),
        better=sum(mean > EVEN for mean in means.values()),
        tied=sum(mean == EVEN for mean in means.values()),
        worse=sum(mean < EVEN for mean in means.values()),
        equal=sum(all(one.first is None for one in every) for every in verdicts.by_row.values()),
        skipped=verdicts.skipped,
        gone=verdicts.gone,
        changed=verdicts.changed,
        agreements=tuple(_agreements(by_people, rows.ids, confidence, answered.groups)),
        pairs=_pairs(found, answered, rows, means, most_pairs),
        function=summary,
    )


def notices(found: Compared | None, details: Sequence[OutputDetails]) -> Iterator[Notice]:
    """Yield that a bar asks for verdicts and there are none, which count for nothing, what to know of a function."""
    if found is None:
        return
    versus = found.versus
    if found.why is not None and versus.named != CHAMPION:  # of the champion it is said once
        yield found.why
    judged = next(one.judged for one in details if one.output == versus.output)
    if versus.wanted and (judged is None or not judged.better + judged.tied + judged.worse):
        yield Notice("evaluate.no-verdicts", column=versus.output, against=versus.named)
    if judged is not None and judged.gone:
        yield Notice("evaluate.verdicts-gone", column=versus.output, count=judged.gone)
    if judged is not None and judged.changed:
        yield Notice("evaluate.verdicts-changed", column=versus.output, count=judged.changed)
    if judged is not None and judged.function is not None:
        yield from _about_function(versus.output, judged.function)


def _about_function(output: str, found: JudgedByFunction) -> Iterator[Notice]:
    """Yield that nobody knows how far a function agrees with people, and that it prefers a place or refuses rows."""
    if found.agreement is None:
        yield Notice("evaluate.judge-unchecked", column=output)
    in_both_orders = found.better + found.worse + found.tied - found.equal - found.empty
    if found.apart > OFTEN_APART * in_both_orders:
        yield Notice(
            "evaluate.judge-apart",
            column=output,
            count=found.apart,
            of=in_both_orders,
            first=found.first,
            second=found.second,
        )
    if found.refused:
        yield Notice("evaluate.judge-refused", column=output, count=found.refused)


def _agreements(
    by_people: Sequence[Judgement], ids: Sequence[str], confidence: float, groups: Groups | None
) -> Iterator[JudgesBeside]:
    """Yield how far each two judges agree who were asked of the same rows."""
    places = {row: place for place, row in enumerate(ids)}
    by_judge: dict[str, dict[str, str]] = {}
    for one in by_people:
        by_judge.setdefault(one.judge, {})[one.row] = one.verdict
    for first, second in itertools.combinations(sorted(by_judge), 2):
        rows = [row for row in by_judge[first] if row in by_judge[second]]
        mine, theirs = ([by_judge[judge][row] for row in rows] for judge in (first, second))
        of_rows = None if groups is None else groups[[places[row] for row in rows]]
        found = agreement(mine, theirs, confidence, of_rows)
        if found is not None:
            yield JudgesBeside((first, second), found)


def _pairs(
    found: Compared, answered: AnsweredRows, rows: TestRows, means: Mapping[int, float], most: int
) -> tuple[TextPair, ...]:
    """Return both answers of rows that were lost or won, by people or else by the function, those that were lost first.

    means: the points that people gave, by the place of the row. Rows of equal points keep their order.
    """
    answers_of = answered.outcomes[found.versus.output].spoken()
    field = next(one for one in answered.signature.outputs if one.name == found.versus.output)
    is_object = kinds.value(field.kind).schema().get("type") == "object"
    by_function = {} if found.function is None else dict(enumerate(found.function.points.tolist()))
    scored = sorted(
        (mean, place) for place, mean in (means or by_function).items() if not np.isnan(mean) and mean != EVEN
    )
    pairs = []
    for mean, place in scored[:most]:
        verdicts = found.verdicts.by_row.get(place)
        others = () if found.function is None else found.function.others
        beside = verdicts[0].other if verdicts else others[place]
        shown = [laid_out(one or "", is_object=is_object) for one in (beside, answers_of[place])]
        other, answer = marked(*(one[:SHOWN_CHARACTERS] for one in shown))
        pairs.append(TextPair(rows.ids[place], rows.inputs(place), other, answer, mean, rows.pictures(place)))
    return tuple(pairs)
