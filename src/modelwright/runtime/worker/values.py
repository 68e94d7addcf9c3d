"""Rows and answers on their way between gateway and worker: values as their kinds let them cross."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from modelwright import kinds
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Answer

RowAnswer: TypeAlias = Sequence[Sequence[object]]
"""For each output, in the order of the signature: its value (None: abstained), its confidence (or None), where they
were wanted its probabilities by label (or None), where the kind has one its interval (or None), and where the driver
tells it how it came about."""

Unseen: TypeAlias = Sequence[Sequence[Any]]
"""Of the rows that hold something training never showed: the row's place, and the names of those inputs."""

COUNT_TOKENS = "count_tokens"
"""The option of a request to a body that answers at once: how many tokens were read stands in the answers' details."""
PROMPT_TOKENS = "prompt_tokens"
LOGPROBS = "logprobs"
"""The place in the details of an answer where stands what is known of each of its tokens."""
PROMPT_LOGPROBS = "prompt_logprobs"
"""The option of a request to a body that writes, and the place in the answers' details: how likely its prompt was."""
PROMPT_IDS = "prompt_ids"
"""The option of a request to a body that writes: the tokens of each row's whole prompt, in the place of the row."""

_Convert = Callable[[object], object]


def row_answer(answers: Iterable[Answer]) -> list[list[object]]:
    """Return the answers to one row as they are sent: no longer than what there is to say."""
    found: list[list[object]] = []
    for one in answers:
        sent: list[object] = [one.value, one.confidence, one.probabilities, one.interval, one.details]
        while len(sent) > 2 and sent[-1] is None:
            sent.pop()
        found.append(sent)
    return found


class Crossing:
    """Converts the rows and the answers of a signature; those whose values are JSON themselves pass unchanged."""

    def __init__(self, signature: Signature) -> None:
        self._rows = _converters(signature.inputs)
        self._answers = _converters(signature.outputs)

    def rows_out(self, rows: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
        """Return rows of canonical values as they are sent."""
        if not self._rows:
            return rows
        return [_row(row, [(place, out) for place, out, _ in self._rows]) for row in rows]

    def rows_in(self, rows: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
        """Return rows of canonical values of what was sent."""
        if not self._rows:
            return rows
        return [_row(row, [(place, back) for place, _, back in self._rows]) for row in rows]

    def answers_out(self, answers: Sequence[RowAnswer]) -> Sequence[RowAnswer]:
        """Return answers with canonical values as they are sent."""
        if not self._answers:
            return answers
        return [_answer(row, [(place, out) for place, out, _ in self._answers]) for row in answers]

    def answers_in(self, answers: Sequence[RowAnswer]) -> Sequence[RowAnswer]:
        """Return answers with canonical values of what was sent."""
        if not self._answers:
            return answers
        return [_answer(row, [(place, back) for place, _, back in self._answers]) for row in answers]


def _converters(fields: Sequence[Field]) -> list[tuple[int, _Convert, _Convert]]:
    """Return (place, to the wire, from the wire) of each field whose values do not cross as they are."""
    found = [(place, kinds.value(field.kind)) for place, field in enumerate(fields)]
    return [(place, one.to_wire, one.from_wire) for place, one in found if not one.crosses_as_it_is]


def _row(row: Sequence[object], converters: Sequence[tuple[int, _Convert]]) -> list[object]:
    values = list(row)
    for place, convert in converters:
        if values[place] is not None:
            values[place] = convert(values[place])
    return values


def _answer(row: RowAnswer, converters: Sequence[tuple[int, _Convert]]) -> list[list[object]]:
    answers = [list(one) for one in row]
    for place, convert in converters:
        if answers[place][0] is not None:
            answers[place][0] = convert(answers[place][0])
    return answers
