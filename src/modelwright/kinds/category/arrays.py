"""Categories as indices, and logits as categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelwright.core.messages import ValueProblem
from modelwright.kinds.contract.arrays import Arrays, Columns
from modelwright.kinds.contract.common import Answer, Array, ArraySpec, Dumped, Form, Role
from modelwright.kinds.shared.confidence import fit_temperature, softmax
from modelwright.kinds.shared.spellings import known_spelling
from modelwright.outcomes.classes.outcomes import ClassOutcomes


@dataclass(frozen=True)
class CategoryState:
    """The classes, sorted by code point; how confident the answers are; below which confidence none is given.

    `threshold` None: an answer is always given.
    """

    classes: tuple[str, ...]
    temperature: float = 1.0
    threshold: float | None = None

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


class CategoryArrays(Arrays[CategoryState, str]):
    """In: `index` int64 (batch,), class i is i + 1. Out: `logits` float32 (batch, C)."""

    input_form: ClassVar[Form | None] = Form.CODE
    output_form: ClassVar[Form | None] = Form.CODE

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
            {"classes": list(state.classes), "temperature": state.temperature, "threshold": state.threshold},
            {},
        )

    def load(self, dumped: Dumped) -> CategoryState:
        """Read what `dump` returned."""
        data = dumped.data
        return CategoryState(tuple(data["classes"]), float(data["temperature"]), data["threshold"])

    def specs(self, state: CategoryState) -> dict[str, ArraySpec]:
        """Return `index`: int64 (batch,), 0 for a missing or unseen class, i + 1 for class i."""
        return {"index": ArraySpec("int64", ("batch",), codes=len(state.classes) + 1)}

    def encode(self, values: Sequence[str | None], state: CategoryState) -> dict[str, Array]:
        """Return the index of each value."""
        return {"index": np.array([state.place(value) + 1 for value in values], dtype=np.int64)}

    def unseen(self, values: Sequence[str | None], state: CategoryState) -> list[bool]:
        """Return which classes training never showed."""
        return [value is not None and state.place(value) < 0 for value in values]

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
        self, arrays: Mapping[str, Array], values: Sequence[str | None], state: CategoryState
    ) -> CategoryState:
        """Return the state with the temperature that minimises the log loss on validation."""
        return replace(state, temperature=fit_temperature(arrays["logits"], _truth(values, state)))

    def decode(self, arrays: Mapping[str, Array], state: CategoryState, inputs: Columns) -> list[Answer]:
        """Return the likeliest class with its probability; None where that lies below the threshold."""
        probabilities = softmax(arrays["logits"], state.temperature)
        best = arrays["logits"].argmax(axis=1)  # of the logits: no temperature turns rounding into an answer
        confidences = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0]
        least = -math.inf if state.threshold is None else state.threshold
        return [
            Answer(state.classes[place] if confidence >= least else None, confidence)
            for place, confidence in zip(best.tolist(), confidences.tolist(), strict=True)
        ]

    def outcomes(
        self, values: Sequence[str | None], arrays: Mapping[str, Array], state: CategoryState, inputs: Columns
    ) -> ClassOutcomes:
        """Return truths, answers (−1: abstained) and probabilities."""
        probabilities = softmax(arrays["logits"], state.temperature)
        predicted = arrays["logits"].argmax(axis=1).astype(np.int64)
        if state.threshold is not None:
            predicted[probabilities.max(axis=1) < state.threshold] = -1
        return ClassOutcomes(state.classes, _truth(values, state), predicted, probabilities)


def _truth(values: Sequence[str | None], state: CategoryState) -> NDArray[np.int64]:
    return np.array([state.place(value) for value in values], dtype=np.int64)


def _require_two(state: CategoryState) -> None:
    if len(state.classes) < 2:
        raise ValueProblem("state.one-class", only=next(iter(state.classes), None))
