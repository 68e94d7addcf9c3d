"""What decides an answer: each input's share of it, and what each part of an input (a word, a patch) adds.

The function is only asked, so any package can be explained. An input is left out by a typical value of training in its
place, or by nothing where it has just that value. The contributions are Shapley values of leaving inputs out (Lundberg
and Lee 2017; one reference row): they add up to the difference between the answer and the answer to the reference row.
Up to MOST_EXACT inputs every combination is asked; beyond, random orders of the inputs are (Štrumbelj and Kononenko
2014), each also backwards, and the standard error is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.kinds.contract.common import Answer
from modelwright.kinds.contract.explain import Explain, ValuePart
from modelwright.runtime.function import Answers, Function

MOST_EXACT = 8  # inputs: 256 rows
ORDERS = 100
_CHUNK = 64  # rows at a time: values with a part left out may be pictures

Row = Mapping[str, Any]  # canonical values by input
Scores = NDArray[np.float64]  # (rows, outputs)


@dataclass(frozen=True)
class InputEffect:
    """What one input adds. `alone`: by how much leaving it out alone lowers the score; `share`: its Shapley value.

    `error`: the standard error of the share, None where it is exact; `value` and `instead` are canonical values.
    """

    name: str
    value: Any
    instead: Any
    alone: float
    share: float
    error: float | None = None


@dataclass(frozen=True)
class PartEffect:
    """By how much leaving a part out lowers the score."""

    part: ValuePart
    effect: float


@dataclass(frozen=True)
class OutputEffects:
    """What decides one output. `score`: the probability of `labels` (on average), or the number that was answered.

    `chance`: whether it is a probability; `labels`: those that it is of, none of an empty set and of a number;
    `base`: the score of the reference row; `parts`: by input; `wholes`: the score of the input in the form in which
    its parts were left out, close to `score`.
    """

    output: str
    answer: Answer
    chance: bool
    labels: tuple[str, ...]
    score: float
    base: float
    inputs: tuple[InputEffect, ...]
    parts: Mapping[str, tuple[PartEffect, ...]] = field(default_factory=dict)
    wholes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class InputShares:
    """The Shapley values of one answer by input; `chance`: of a probability, else of a number."""

    chance: bool
    by_input: Mapping[str, float]


@dataclass(frozen=True)
class Explanation:
    """What decides every output that has a score; `orders`: random orders of the inputs, None where it is exact."""

    outputs: tuple[OutputEffects, ...]
    orders: int | None
    rows: int  # asked


def explain(function: Function, row: Row, *, orders: int = ORDERS, seed: int = 0) -> Explanation:
    """Return what decides the answer to a row of canonical values by input; outputs without a score are left out.

    orders: random orders of the inputs, where these are too many for every combination; seed: draws them.
    """
    asking = _Asking(function, row)
    names = asking.names
    alone = asking.coalitions([frozenset(names) - {name} for name in names])
    shares, errors = _shares(asking, MOST_EXACT, orders, seed)
    (base,) = asking.coalitions([frozenset()])
    parts, wholes = _parts(function, row, asking)
    outputs = tuple(
        OutputEffects(
            output=one.output,
            answer=one.answer,
            chance=bool(one.answer.probabilities),
            labels=one.labels,
            score=float(asking.score[place]),
            base=float(base[place]),
            inputs=tuple(_inputs(row, asking, names, alone, shares, errors, place)),
            parts={
                name: tuple(
                    PartEffect(part, float(wholes[name][place] - score))
                    for part, score in zip(found, scores[:, place], strict=True)
                )
                for name, (found, scores) in parts.items()
            },
            wholes={name: float(scores[place]) for name, scores in wholes.items()},
        )
        for place, one in enumerate(asking.scored)
    )
    return Explanation(outputs, None if errors is None else 2 * math.ceil(orders / 2), asking.rows)


def contributions(
    function: Function, row: Row, *, most_exact: int = MOST_EXACT, orders: int = ORDERS, seed: int = 0
) -> dict[str, InputShares]:
    """Return the Shapley values of the inputs by output, as in `explain` but without parts.

    most_exact: inputs up to which every combination is asked instead of random orders.
    """
    asking = _Asking(function, row)
    shares, _ = _shares(asking, most_exact, orders, seed)
    nothing = dict.fromkeys(row, 0.0)
    return {
        one.output: InputShares(
            bool(one.answer.probabilities),
            {**nothing, **dict(zip(asking.names, shares[:, place].tolist(), strict=True))},
        )
        for place, one in enumerate(asking.scored)
    }


def rows_to_ask(inputs: int, *, most_exact: int = MOST_EXACT, orders: int = ORDERS) -> int:
    """Return how many rows `contributions` asks of a function with so many inputs, at most."""
    return 1 << inputs if inputs <= most_exact else 2 * math.ceil(orders / 2) * (inputs - 1) + 2


@dataclass(frozen=True)
class _Scored:
    """An output with a score, and how it is had from another answer."""

    output: str
    answer: Answer
    labels: tuple[str, ...]
    score: Callable[[Answer], float]


class _Asking:
    """Asks the function for rows like the one that is explained; every combination once."""

    def __init__(self, function: Function, row: Row) -> None:
        self._function = function
        self._row = row
        self.rows = 0
        self.instead = {name: _instead(function, name, value) for name, value in row.items()}
        # Of any other input the row has what would stand in for it: nothing.
        self.names = [name for name, value in row.items() if value != self.instead[name]]
        (answers,) = self._answers([row])
        self.scored = [
            found
            for one in function.signature.outputs
            if (found := _scored(one.name, one.kind, answers[one.name])) is not None
        ]
        self.score = self._scores([answers])[0]
        self._known: dict[frozenset[str], Scores] = {frozenset(self.names): self.score}

    def coalitions(self, given: Sequence[frozenset[str]]) -> Scores:
        """Return the scores (combinations, outputs) of rows in which only these inputs are the row's own."""
        fresh = [one for one in dict.fromkeys(given) if one not in self._known]
        rows = (
            {name: self._row[name] if name in one else self.instead[name] for name in self._row}
            for one in fresh
        )
        self._known.update(zip(fresh, self.ask(rows), strict=True))
        return np.array([self._known[one] for one in given]).reshape(len(given), len(self.scored))

    def with_value(self, name: str, values: Iterator[Any]) -> Scores:
        """Return the scores (values, outputs) of the row with other values of one input."""
        return self.ask({**self._row, name: value} for value in values)

    def ask(self, rows: Iterator[Row]) -> Scores:
        """Return the scores (rows, outputs); only some rows are held at a time."""
        found: list[Scores] = []
        while some := list(islice(rows, _CHUNK)):
            found += self._scores(self._answers(some))
        return np.array(found).reshape(len(found), len(self.scored))

    def _answers(self, rows: Sequence[Row]) -> list[Answers]:
        self.rows += len(rows)
        columns = {name: [row[name] for row in rows] for name in self._row}
        return self._function.answer(columns, probabilities=True)

    def _scores(self, answers: Sequence[Answers]) -> list[Scores]:
        return [np.array([one.score(row[one.output]) for one in self.scored]) for row in answers]


def _instead(function: Function, name: str, value: object) -> object:
    """Return what stands in for an input: its typical value, or nothing where that is its value or none is known."""
    typical = function.typical.get(name)
    if typical is None or typical.value is None:
        return None
    kind = next(one.kind for one in function.signature.inputs if one.name == name)
    found: object = kinds.value(kind).parse(typical.value)
    return None if found == value else found


def _scored(output: str, kind: str, answer: Answer) -> _Scored | None:
    """Return how an output is scored; None of one whose answers are neither labels nor numbers."""
    chances = answer.probabilities
    if chances:
        value = kinds.value(kind)
        if answer.value is None:  # it abstained: the likeliest is explained
            labels: tuple[str, ...] = (max(chances, key=lambda label: chances[label]),)
        else:
            labels = tuple(label for label in value.labels(answer.value) if label in chances)
        return _Scored(output, answer, labels, lambda other: _agreement(other, labels))
    if answer.value is None:
        return None
    number = kinds.value(kind).to_json(answer.value)
    if isinstance(number, list) and number and all(isinstance(one, int | float) for one in number):
        return _Scored(output, answer, (), lambda other: _mean(kinds.value(kind).to_json(other.value)))
    if isinstance(number, int | float) and not isinstance(number, bool):
        return _Scored(output, answer, (), lambda other: _number(kinds.value(kind).to_json(other.value)))
    return None


def _agreement(answer: Answer, labels: Sequence[str]) -> float:
    """Return the mean probability of the labels; where none was answered (an empty set), that of none of them."""
    chances = answer.probabilities or {}
    if labels:
        return sum(chances[label] for label in labels) / len(labels)
    return 1.0 - sum(chances.values()) / max(1, len(chances))


def _mean(numbers: Any) -> float:
    return sum(map(float, numbers)) / len(numbers) if numbers else math.nan


def _number(number: Any) -> float:
    return math.nan if number is None else float(number)


def _shares(asking: _Asking, most_exact: int, orders: int, seed: int) -> tuple[Scores, Scores | None]:
    """Return the Shapley values (inputs, outputs), and where they are drawn their standard errors."""
    if len(asking.names) <= most_exact:
        return _exact(asking.names, asking.coalitions), None
    return _sampled(asking.names, asking.coalitions, orders, seed)


def _exact(names: Sequence[str], ask: Callable[[Sequence[frozenset[str]]], Scores]) -> Scores:
    """Return the Shapley values (inputs, outputs) from every combination."""
    count = len(names)
    every = [
        frozenset(name for place, name in enumerate(names) if bits >> place & 1) for bits in range(1 << count)
    ]
    scores = ask(every)
    shares = np.zeros((count, scores.shape[1]))
    for place in range(count):
        for bits in range(1 << count):
            if bits >> place & 1:
                continue
            size = bits.bit_count()
            # |S|! (n - |S| - 1)! / n!: the share of the orders in which just these come before the input
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            shares[place] += weight * (scores[bits | 1 << place] - scores[bits])
    return shares


def _sampled(
    names: Sequence[str], ask: Callable[[Sequence[frozenset[str]]], Scores], orders: int, seed: int
) -> tuple[Scores, Scores]:
    """Return the Shapley values (inputs, outputs) from random orders, also backwards and their standard errors."""
    draw = np.random.default_rng(seed)
    found: list[Scores] = []
    for _ in range(math.ceil(orders / 2)):
        order = draw.permutation(len(names))
        pair = []
        for way in (order, order[::-1]):
            steps = [frozenset(names[place] for place in way[:size]) for size in range(len(names) + 1)]
            gains = np.diff(ask(steps), axis=0)  # (inputs, outputs), in the order in which they come
            pair.append(gains[np.argsort(way)])
        found.append((pair[0] + pair[1]) / 2)  # the two are no two independent draws
    drawn = np.array(found)  # (pairs, inputs, outputs)
    spread = drawn.std(axis=0, ddof=1) if len(drawn) > 1 else np.full(drawn.shape[1:], np.nan)
    return drawn.mean(axis=0), spread / math.sqrt(len(drawn))


def _inputs(
    row: Row,
    asking: _Asking,
    names: Sequence[str],
    alone: Scores,
    shares: Scores,
    errors: Scores | None,
    place: int,
) -> Iterator[InputEffect]:
    """Yield the effect of every input on an output; one whose value is what would stand in for it has none."""
    at = {name: number for number, name in enumerate(names)}
    for name, value in row.items():
        number = at.get(name)
        if number is None:
            yield InputEffect(name, value, asking.instead[name], 0.0, 0.0)
            continue
        yield InputEffect(
            name,
            value,
            asking.instead[name],
            float(asking.score[place] - alone[number, place]),
            float(shares[number, place]),
            None if errors is None else float(errors[number, place]),
        )


def _parts(
    function: Function, row: Row, asking: _Asking
) -> tuple[dict[str, tuple[Sequence[ValuePart], Scores]], dict[str, Scores]]:
    """Return by input the parts, the scores (parts, outputs) without each, and the scores (outputs,) of the whole."""
    parts: dict[str, tuple[Sequence[ValuePart], Scores]] = {}
    wholes: dict[str, Scores] = {}
    for one in function.signature.inputs:
        value = row[one.name]
        facet = kinds.facet(one.kind, Explain)
        found = facet.parts(value) if value is not None else ()
        if len(found) < 2:  # of a single part the effect of the input tells all
            continue
        scores = asking.with_value(one.name, facet.without_each(value, found, function.state(one.name)))
        wholes[one.name] = scores[0]
        parts[one.name] = (found, scores[1:])
    return parts, wholes
