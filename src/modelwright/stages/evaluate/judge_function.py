"""A function that judges answers: it is asked about each pair in both orders, so that a place is no reason to win.

`prefer(question: text, first: text, second: text) -> better: category`, with the classes first, second and tie. Of a
judge that prefers one place whatever stands there, every row is a tie, and how often that is, is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.evidence.agreement import Agreement, agreement
from modelwright.core.evidence.clusters import Groups
from modelwright.core.messages import PackageError, Problem, RequestError
from modelwright.core.signature import Field, Signature
from modelwright.kinds import turns
from modelwright.kinds.contract.common import Form
from modelwright.learners.session.used_function import JUDGE, USE, UsedFunction
from modelwright.package import packages
from modelwright.runtime.function import Function
from modelwright.stages.evaluate.answers import AnsweredRows
from modelwright.storage.formats.evidence import JudgedByFunction
from modelwright.storage.formats.judgements import EVEN

FIRST, SECOND, TIE = "first", "second", "tie"
QUESTION = "question"
WORDS = {1.0: "better", 0.0: "worse"}  # by points; what is neither is a tie


@dataclass(frozen=True)
class FunctionVerdicts:
    """What a function said of n pairs. points: (n,) 1, 0 or a half, NaN of a row without two answers, or refused;
    others: (n,) what stood beside the answers.

    apart: rows of which both orders say another thing, so that they count as ties, and among these those of which it
    preferred the first place both times (first), or the second (second); empty: rows of which one answer is none, which
    then is the worse one, unless the signature says that there may be none.
    """

    points: NDArray[np.float64]
    others: Sequence[str | None]
    equal: int
    apart: int
    first: int
    second: int
    refused: int
    empty: int = 0


def fit(judge: UsedFunction, signature: Signature) -> Problem | None:
    """Return why a function cannot judge the answers of one of this signature, None where it can."""
    assert judge.folder is not None, "a function that was found lies somewhere"
    body = packages.read(judge.folder).body
    sides = {one.name: one for one in body.signature.inputs}
    takes = all(name in sides and _is_text(sides[name]) for name in (FIRST, SECOND))
    others = [one for one in body.signature.inputs if one.name not in (FIRST, SECOND)]
    known = all(_source(one, signature) is not None for one in others)
    if not takes or not known or len(body.signature.outputs) != 1:
        return Problem("judge.unfit", signature=str(body.signature))
    (output,) = body.signature.outputs
    if kinds.arrays(output.kind).output_form is not Form.CODE:
        return Problem("judge.unfit", signature=str(body.signature))
    classes = [str(one) for one in kinds.arrays(output.kind).known(body.states[output.name])]
    if not {FIRST, SECOND} <= {*classes} <= {FIRST, SECOND, TIE}:
        return Problem("judge.other-classes", classes=classes)
    return None


def verdicts(
    judge: UsedFunction, answered: AnsweredRows, output: str, others: Sequence[str | None]
) -> FunctionVerdicts:
    """Return what the function prefers on n rows; others: (n,) what stands beside the answers, None: nothing does."""
    assert judge.folder is not None, "a function that was found lies somewhere"
    if (problem := fit(judge, answered.signature)) is not None:
        raise PackageError(problem.at(f"{USE}.{JUDGE}"))
    function = Function(packages.read(judge.folder))
    texts = answered.outcomes[output].spoken()
    points = np.full(len(answered), np.nan)
    pairs = [row for row, other in enumerate(others) if texts[row] is not None and other is not None]
    same = [row for row in pairs if texts[row] == others[row]]
    points[same] = EVEN
    empty = (
        []
        if _may_be_none(answered.signature, output)
        else [row for row in pairs if texts[row] != others[row] and not (texts[row] and others[row])]
    )
    points[empty] = [1.0 if texts[row] else 0.0 for row in empty]
    shown = [row for row in pairs if np.isnan(points[row])]
    given = [_given(function.signature, answered, row) for row in shown]
    ours = [str(texts[row]) for row in shown]
    theirs = [str(others[row]) for row in shown]
    forward = _preferred(function, given, ours, theirs)
    backward = _preferred(function, given, theirs, ours)
    first = second = apart = refused = 0
    for row, one, two in zip(shown, forward, backward, strict=True):
        if one is None or two is None:
            refused += 1
            continue
        # the answer stood first, and then second
        mine = {FIRST: 1.0, SECOND: 0.0}.get(one, EVEN)
        again = {SECOND: 1.0, FIRST: 0.0}.get(two, EVEN)
        points[row] = mine if mine == again else EVEN
        apart += mine != again
        first += one == two == FIRST
        second += one == two == SECOND
    return FunctionVerdicts(points, others, len(same), apart, first, second, refused, len(empty))


def summary(
    judge: UsedFunction,
    found: FunctionVerdicts,
    people: NDArray[np.float64],
    confidence: float,
    groups: Groups | None,
) -> JudgedByFunction:
    """Return what the report shows; people: (n,) the points that people gave, NaN where they said nothing."""
    points = found.points[~np.isnan(found.points)]
    return JudgedByFunction(
        judge.named,
        judge.package,
        better=int((points > EVEN).sum()),
        tied=int((points == EVEN).sum()),
        worse=int((points < EVEN).sum()),
        equal=found.equal,
        apart=found.apart,
        first=found.first,
        second=found.second,
        refused=found.refused,
        agreement=_with_people(found.points, people, confidence, groups),
        empty=found.empty,
    )


def _with_people(
    points: NDArray[np.float64], people: NDArray[np.float64], confidence: float, groups: Groups | None
) -> Agreement | None:
    both = np.flatnonzero(~np.isnan(points) & ~np.isnan(people))
    # several judges of a row may leave other points than these three: more than half of one is better
    by_people = [WORDS[float(people[row] > EVEN)] if people[row] != EVEN else TIE for row in both]
    by_function = [WORDS.get(float(points[row]), TIE) for row in both]
    return agreement(by_function, by_people, confidence, None if groups is None else groups[both])


def _preferred(
    function: Function, given: Sequence[Mapping[str, Any]], firsts: Sequence[str], seconds: Sequence[str]
) -> list[str | None]:
    """Return the class for each pair, None of one that the function refuses."""
    (output,) = function.signature.outputs
    found: list[str | None] = [None] * len(given)
    rows: dict[int, Any] = {}
    for place, (inputs, first, second) in enumerate(zip(given, firsts, seconds, strict=True)):
        try:
            rows[place] = function.rows.read({**inputs, FIRST: first, SECOND: second})
        except RequestError:
            continue
    if not rows:
        return found
    columns = function.rows.columns([*rows.values()])
    refused = function.misfits(columns)
    for number, (place, answers) in enumerate(zip(rows, function.answer(columns), strict=True)):
        value = answers[output.name].value
        if number not in refused:
            found[place] = TIE if value is None else str(value)
    return found


def _given(judge: Signature, answered: AnsweredRows, row: int) -> dict[str, Any]:
    """Return the inputs of the judge beside both answers, as JSON."""
    found: dict[str, Any] = {}
    for field in judge.inputs:
        if field.name in (FIRST, SECOND):
            continue
        source = _source(field, answered.signature)
        assert source is not None, "the function fits"
        value = answered.columns[source.name][row]
        plain: Any = None if value is None else kinds.value(source.kind).to_json(value)
        is_last = turns.is_dialogue(source) and not turns.is_dialogue(field)
        found[field.name] = plain[-1]["content"] if is_last and isinstance(plain, list) and plain else plain
    return found


def _source(field: Field, signature: Signature) -> Field | None:
    """Return the input that an input of the judge is made from: that of its name and kind, or the question.

    The question is the only text, or the last turn of the only dialogue.
    """
    same = next((one for one in signature.inputs if one.name == field.name and one.kind == field.kind), None)
    if same is not None:
        return same
    asks = [one for one in signature.inputs if turns.is_dialogue(one) or _is_text(one)]
    return asks[0] if field.name == QUESTION and _is_text(field) and len(asks) == 1 else None


def _may_be_none(signature: Signature, output: str) -> bool:
    return next(one.optional for one in signature.outputs if one.name == output)


def _is_text(field: Field) -> bool:
    kind = kinds.value(field.kind)
    return kind.schema().get("type") == "string" and not kind.closed
