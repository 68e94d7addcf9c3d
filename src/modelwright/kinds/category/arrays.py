"""Categories as indices, and logits as categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import Phrase, ValueProblem
from modelwright.core.requirements.error_costs import ErrorCosts
from modelwright.kinds.contract.arrays import NO_INPUTS, Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Move, Role
from modelwright.kinds.shared.confidence import fit_temperature, softmax
from modelwright.kinds.shared.cutting import MOST_WEIGHT, cuts
from modelwright.kinds.shared.sealed_state import (
    CostRows,
    Names,
    Price,
    SealedState,
    Share,
    Temperature,
    Weight,
    cost_rows,
    require_one_each,
)
from modelwright.kinds.shared.spellings import known_spelling
from modelwright.outcomes.classes.outcomes import ClassOutcomes


@dataclass(frozen=True)
class CategoryState:
    """The classes, sorted by code point; how confident the answers are; where they are given.

    threshold: the confidence below which no answer is given, None: one always is; weights: how many times the
    probability of each class counts when the answer is chosen, None: all alike. A confidence is the probability
    itself, whatever it counts. costs: what each answer to each truth costs, by class, then by class and of no answer;
    weighed: answers follow from the costs, which no weights alone say.
    """

    classes: tuple[str, ...]
    temperature: float = 1.0
    threshold: float | None = None
    weights: tuple[float, ...] | None = None
    costs: CostRows | None = None
    weighed: bool = False

    @cached_property
    def positions(self) -> Mapping[str | None, int]:
        """Return the place of each class in `classes`."""
        return {name: place for place, name in enumerate(self.classes)}

    def place(self, name: str | None) -> int:
        """Return the place of a class in `classes`, however a table spells it (1.0 for 1); −1 for none."""
        found = self.positions.get(name)
        if found is None and name is not None:
            found = self.positions.get(known_spelling(name, self.positions))
        return -1 if found is None else found


class _SealedCategory(SealedState):
    """A package made before weights were chosen, or costs declared, has none."""

    classes: Names
    temperature: Temperature
    threshold: Share | None
    weights: list[Weight] | None = None
    costs: list[list[Price]] | None = None
    weighed: bool = False


class CategoryArrays(Arrays[CategoryState, str]):
    """In: `index` int64 (batch,), class i is i + 1. Out: `logits` float32 (batch, C)."""

    input_form: ClassVar[Form | None] = Form.CODE
    output_form: ClassVar[Form | None] = Form.CODE
    abstains: ClassVar[bool] = True

    def fit(
        self,
        values: Sequence[str | None],
        *,
        role: Role = Role.INPUT,
        threshold: float | None = None,
        **options: Any,
    ) -> CategoryState:
        """Return the classes that the training split shows.

        Raises ValueProblem for an output (`role`) with fewer than two. `threshold`: the confidence below
        which an optional output abstains.
        """
        state = CategoryState(tuple(sorted({value for value in values if value is not None})), 1.0, threshold)
        if role is Role.OUTPUT:
            _require_two(state)
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ValueProblem("state.threshold", threshold=threshold)
        return state

    def dump(self, state: CategoryState) -> Dumped:
        """Return the state as JSON."""
        return Dumped(
            {
                "classes": list(state.classes),
                "temperature": state.temperature,
                "threshold": state.threshold,
                **({"weights": list(state.weights)} if state.weights is not None else {}),
                **({"costs": [list(row) for row in state.costs]} if state.costs is not None else {}),
                **({"weighed": True} if state.weighed else {}),
            },
            {},
        )

    def load(self, dumped: Dumped) -> CategoryState:
        """Read what `dump` returned."""
        sealed = _SealedCategory.read(dumped.data)
        require_one_each("weights", sealed.weights, sealed.classes)
        weights = None if sealed.weights is None else tuple(sealed.weights)
        return CategoryState(
            tuple(sealed.classes),
            sealed.temperature,
            sealed.threshold,
            weights,
            cost_rows(sealed.costs, sealed.classes),
            sealed.weighed and sealed.costs is not None,
        )

    def require(self, state: CategoryState, role: Role) -> None:
        """Raise ValueProblem for an output with fewer than two classes."""
        if role is Role.OUTPUT:
            _require_two(state)

    def example(self, state: CategoryState) -> str | None:
        """Return the last class, where there is one: its code is the highest."""
        return state.classes[-1] if state.classes else None

    def specs(self, state: CategoryState) -> dict[str, ArraySpec]:
        """Return `index`: int64 (batch,), 0 for a missing or unseen class, i + 1 for class i."""
        size = len(state.classes) + 1
        return {"index": ArraySpec("int64", ("batch",), codes=size, ranks=_ranks(state.classes))}

    def encode(self, values: Sequence[str | None], state: CategoryState) -> dict[str, Array]:
        """Return the index of each value."""
        return {"index": np.array([state.place(value) + 1 for value in values], dtype=np.int64)}

    def unseen(self, values: Sequence[str | None], state: CategoryState) -> list[bool]:
        """Return which classes training never showed."""
        return [value is not None and state.place(value) < 0 for value in values]

    def known(self, state: CategoryState) -> Sequence[str]:
        """Return the classes."""
        return state.classes

    def answers(self, state: CategoryState) -> dict[str, ArraySpec]:
        """Return `logits`: float32 (batch, C), one column per class."""
        return {"logits": ArraySpec("float32", ("batch", len(state.classes)))}

    def encode_truth(
        self, values: Sequence[str | None], inputs: Columns, state: CategoryState
    ) -> dict[str, Array]:
        """Return `index`: int64 (n,); −1 for a missing truth or a class that training never showed."""
        _require_two(state)
        return {"index": _truth(values, state)}

    def calibrate(
        self,
        arrays: Mapping[str, Array],
        values: Sequence[str | None],
        state: CategoryState,
        inputs: Columns = NO_INPUTS,
    ) -> CategoryState:
        """Return the state with the temperature that minimises the log loss on validation."""
        return replace(state, temperature=fit_temperature(arrays["logits"], _truth(values, state)))

    def moves(
        self, arrays: Mapping[str, Array], state: CategoryState, *, labels: Sequence[str], optional: bool
    ) -> Sequence[Move[CategoryState]]:
        """Return a direction for each class in `labels`, one from frequent to rare classes, one of abstaining.

        Of two classes the one direction is that of the rarer.
        """
        logits = arrays["logits"]
        shares = softmax(logits, state.temperature).mean(axis=0)  # (C,): how often each class is expected
        places = [state.positions[name] for name in dict.fromkeys(labels) if name in state.positions]
        if len(state.classes) == 2:
            places = [int(shares.argmin())]
        found = [Move[CategoryState](partial(_by_class, logits, place)) for place in places]
        if len(state.classes) > 2 and state.costs is None:  # costs say by themselves what a rare class counts
            found.append(Move(partial(_by_share, shares)))
        if optional:
            found.append(Move(partial(_by_confidence, logits), abstains=True))
        return found

    def priced(self, state: CategoryState, costs: ErrorCosts) -> CategoryState:
        """Return the state with what errors cost."""
        return replace(state, costs=costs.matrix(state.classes))

    def by_costs(self, state: CategoryState) -> CategoryState:
        """Return the state that answers with the class that is expected to cost least (Elkan 2001, section 2).

        Where all errors of a truth cost the same c_i, that is the class of the greatest c_i p_i, which weights say;
        of two classes always. Else the costs themselves decide.
        """
        assert state.costs is not None, "the state is priced"
        costs = np.array(state.costs)[:, :-1]
        size = len(state.classes)
        errors = costs[~np.eye(size, dtype=np.bool_)].reshape(size, size - 1)  # (C, C - 1): of each truth
        if not np.array_equal(errors.min(axis=1), errors.max(axis=1)):
            return replace(state, weights=None, weighed=True)
        # (C,): what an error costs by truth, beside the least; one that costs nothing counts as good as nothing
        each = errors.max(axis=1)
        weights = np.maximum(each / each[each > 0].min(), 1 / MOST_WEIGHT)
        return replace(state, weights=tuple(np.minimum(weights, MOST_WEIGHT).tolist()), weighed=False)

    def operating_point(self, state: CategoryState) -> tuple[Phrase, ...]:
        """Say which classes count more or less than the others, and below which confidence none is answered."""
        says = [Phrase("operating.by-costs")] if state.weighed else []
        for name, weight in zip(state.classes, state.weights or (), strict=False):
            if weight != 1.0 and len(state.classes) == 2:
                says.append(Phrase("operating.from", label=name, cut=1 / (1 + weight)))
            elif weight != 1.0:
                says.append(Phrase("operating.weight", label=name, weight=weight))
        if state.threshold is not None:
            says.append(Phrase("operating.abstains", least=state.threshold))
        return tuple(says)

    def decode(self, arrays: Mapping[str, Array], state: CategoryState, inputs: Columns) -> list[Answer]:
        """Return the class that is answered with its probability; None where that lies below the threshold."""
        best, confidences, _ = _chosen(arrays["logits"], state)
        least = -math.inf if state.threshold is None else state.threshold
        return [
            Answer(state.classes[place] if confidence >= least else None, confidence)
            for place, confidence in zip(best.tolist(), confidences.tolist(), strict=True)
        ]

    def probabilities(
        self, arrays: Mapping[str, Array], state: CategoryState
    ) -> Sequence[Mapping[str, float]] | None:
        """Return the probability of every class; they add up to 1."""
        rows = softmax(arrays["logits"], state.temperature).tolist()
        return [dict(zip(state.classes, row, strict=True)) for row in rows]

    def outcomes(
        self, values: Sequence[str | None], arrays: Mapping[str, Array], state: CategoryState, inputs: Columns
    ) -> ClassOutcomes:
        """Return truths, answers (−1: abstained) and probabilities."""
        best, confidences, probabilities = _chosen(arrays["logits"], state)
        given = best
        if state.threshold is not None:
            given = np.where(confidences < state.threshold, -1, best)
        costs = None if state.costs is None else np.array(state.costs)
        truth = _truth(values, state)
        return ClassOutcomes(state.classes, truth, given, probabilities, considered=best, costs=costs)


def _chosen(
    logits: Array, state: CategoryState
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the chosen class (n,), its probability (n,), and the probabilities (n, C)."""
    probabilities = softmax(logits, state.temperature)
    # of the logits: no temperature turns rounding into an answer
    best = logits.argmax(axis=1).astype(np.int64)
    if state.weighed:
        assert state.costs is not None, "what is weighed by costs has them"
        # (n, C) @ (C, C): of each answer, what it is expected to cost
        expected = (probabilities * _weights(state)) @ np.array(state.costs)[:, :-1]
        best = expected.argmin(axis=1).astype(np.int64)
    elif state.weights is not None:
        best = (_scores(logits, state) + np.log(state.weights)).argmax(axis=1).astype(np.int64)
    return best, np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0], probabilities


def _scores(logits: Array, state: CategoryState) -> NDArray[np.float64]:
    """Return (n, C) logarithms of probabilities, up to a constant of each row."""
    scores: NDArray[np.float64] = logits.astype(np.float64) / state.temperature
    return scores


def _weights(state: CategoryState) -> NDArray[np.float64]:
    return np.ones(len(state.classes)) if state.weights is None else np.array(state.weights)


def _by_class(logits: Array, place: int, state: CategoryState) -> list[CategoryState]:
    """Return the states in which one class counts more or less."""
    weights = _weights(state)
    scores = _scores(logits, state) + np.log(weights)
    others = np.delete(scores, place, axis=1).max(axis=1)
    # (n,): the logarithm of the weight at which each row turns to this class
    turns = others - (scores[:, place] - math.log(weights[place]))
    found = []
    for turn in cuts(turns[np.abs(turns) < math.log(MOST_WEIGHT)]):
        weights[place] = math.exp(turn)
        found.append(replace(state, weights=tuple(weights.tolist())))
    return found


def _by_share(shares: NDArray[np.float64], state: CategoryState) -> list[CategoryState]:
    """Return states in which rare classes count more: w ∝ share^-τ (Menon et al. 2021, logit adjustment)."""
    relative = shares.max() / np.maximum(shares, shares.max() / MOST_WEIGHT)
    return [replace(state, weights=tuple((relative**power).tolist())) for power in _POWERS]


_POWERS = (0.125, 0.25, 0.375, 0.5, 0.75, 1.0)


def _by_confidence(logits: Array, state: CategoryState) -> list[CategoryState]:
    """Return states that answer surer rows alone, and the one that answers all."""
    _, confidences, _ = _chosen(logits, state)
    return [replace(state, threshold=cut) for cut in (None, *cuts(confidences))]


def _truth(values: Sequence[str | None], state: CategoryState) -> NDArray[np.int64]:
    return np.array([state.place(value) for value in values], dtype=np.int64)


def _ranks(classes: Sequence[str]) -> tuple[int, ...]:
    """Return the place of each code in the order of the classes: numbers by their size, others as they are sorted."""
    order = list(range(len(classes)))
    try:
        sizes = [float(name) for name in classes]
    except ValueError:
        return (-1, *order)
    if all(map(math.isfinite, sizes)):
        order.sort(key=sizes.__getitem__)
    places = dict(zip(order, range(len(order)), strict=True))
    return (-1, *(places[place] for place in range(len(order))))


def _require_two(state: CategoryState) -> None:
    if len(state.classes) < 2:
        raise ValueProblem("state.one-class", only=next(iter(state.classes), None))
