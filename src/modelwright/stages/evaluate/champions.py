"""Compares with the package in production: the same rows, answered by both, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from modelwright.core.evidence.measure import difference, measure_difference
from modelwright.core.evidence.measurement import Measurement, Phase, Subject
from modelwright.core.messages import Notice, PackageError
from modelwright.core.requirements.requirement import Requirement
from modelwright.core.signature import Signature
from modelwright.package import packages
from modelwright.runtime.measuring import Measured
from modelwright.stages.evaluate import answers
from modelwright.stages.evaluate.answers import AnsweredRows


class Champion(Protocol):
    """The package in production: its folder and the digest that its version has."""

    @property
    def path(self) -> Path: ...

    @property
    def digest(self) -> str: ...


def differences(
    champion: Champion,
    signature: Signature,
    ours: AnsweredRows,
    requirements: Sequence[Requirement],
    confidence: float,
    written: int,
    known: AnsweredRows | None = None,
) -> tuple[list[Measurement], Notice | None]:
    """Return paired differences on test rows, ours less the champion's, and why there are none, if so.

    They cover each output's metrics as a whole and what a relative bar asks for. Where the champion cannot
    answer these rows, what is measured has no value, so that no relative bar is met by chance. written: for how many
    rows an output is written that has to be; known: what the champion answers, where that is known already.
    """
    relative = [one.subject for one in requirements if one.bar.champion and Phase.TEST in one.metric.phases]
    wanted = [
        s for field in signature.outputs for s in answers.plain_subjects(field, ours.outcomes[field.name])
    ]
    try:
        answered = known or answers.answer(packages.read(champion.path), signature, ours.columns, written)
        aligned = {name: answered.outcomes[name].aligned(to=mine) for name, mine in ours.outcomes.items()}
    except (PackageError, KeyError, ValueError) as error:
        nothing = [_nothing(subject, _rows(subject, ours), confidence) for subject in relative]
        why = error.problems[0] if isinstance(error, PackageError) else str(error)
        return nothing, Notice("evaluate.champion-cannot-answer", why=why)
    theirs = replace(ours, outcomes=aligned)
    return [
        measure_difference(
            subject,
            ours.metric(subject),
            answers.rows_of(subject, ours),
            answers.rows_of(subject, theirs),
            confidence,
            answers.groups_of(subject, ours),
        )
        for subject in dict.fromkeys([*wanted, *relative])
        if subject.output is not None
    ] + _of_inputs(relative, ours, answered, confidence), None


def _of_inputs(
    relative: Sequence[Subject], ours: AnsweredRows, theirs: AnsweredRows, confidence: float
) -> list[Measurement]:
    """Return the differences in what concerns the inputs: both know what their own training showed."""
    wanted = [subject for subject in dict.fromkeys(relative) if subject.output is None]
    pairs = zip(
        answers.on_rows(wanted, ours, confidence), answers.on_rows(wanted, theirs, confidence), strict=True
    )
    return [difference(mine, other) for mine, other in pairs]


def _rows(subject: Subject, ours: AnsweredRows) -> int:
    return len(ours) if subject.output is None else len(answers.rows_of(subject, ours))


def running_differences(
    ours: Sequence[Measurement], theirs: Measured, requirements: Sequence[Requirement], confidence: float
) -> Iterator[Measurement]:
    """Yield the differences in latency, memory and size that relative bars ask for.

    Of what the champion has not shown (it wrote no token) there is no difference, and nothing to judge.
    """
    relative = {
        one.subject for one in requirements if one.bar.champion and Phase.PACKAGE in one.metric.phases
    }
    by_subject = {m.subject: m for m in answers.of_running(theirs, confidence)}
    for mine in ours:
        if mine.subject in relative:
            unknown = replace(mine, value=None, low=None, high=None, n=0)
            yield difference(mine, by_subject.get(mine.subject, unknown))


def asks_for_running(requirements: Sequence[Requirement]) -> bool:
    """Tell whether a bar compares what it costs to run the function with the champion's cost."""
    return any(one.bar.champion and Phase.PACKAGE in one.metric.phases for one in requirements)


def _nothing(subject: Subject, rows: int, confidence: float) -> Measurement:
    # n of at least 1: a bar that should have been measured and was not is unmet, never pending or open
    return Measurement(subject, Phase.TEST, None, None, None, max(rows, 1), "none", confidence)
